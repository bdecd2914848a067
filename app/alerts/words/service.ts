import { isoTime } from "../../clock.ts";
import { NOTHING, type Writers } from "./writers.ts";

/** The words of alerts about instances, the webhook and the store. */
export const SERVICE_WORDS = {
  failover: async (facts, { state }, { store }) => {
    const { from_endpoint: from, to_endpoint: to, reason, decided_at } = facts;
    if (state === "resolved")
      return {
        title: `Recovery: GitHub delivers to ${to} again`,
        cause: reason,
        effect: "Deployments go on as before.",
        remedy: NOTHING,
      };
    const change = await store.read
      .selectFrom("failovers")
      .select(["switched_at", "detected_at"])
      .where("decided_at", "=", decided_at)
      .where("to_endpoint", "=", to)
      .executeTakeFirst();
    const done = change?.switched_at ?? null;
    return {
      title: `Failover: ${to} takes the place of ${from}`,
      cause: reason,
      effect:
        done === null
          ? `GitHub has not taken the new address yet. What it cannot deliver meanwhile is fetched from its log by ${to}.`
          : `Deployments go on. GitHub delivers to ${to} since ${isoTime(done)}, ` +
            `${done - (change?.detected_at ?? done)} ms after this was noticed; what it could not deliver before is fetched from its log.`,
      remedy: `Look at the log of ${from} and at the proxy in front of it. Once it is well again, ${
        state === "event" ? "it stands ready" : "GitHub is made to deliver to it again by itself"
      }.`,
    };
  },

  instance_lost: async ({ reason }, { state, subject }, { store }) => {
    if (state === "resolved")
      return {
        title: `Instance is back: ${subject}`,
        cause: reason,
        effect: "It can take over again.",
        remedy: NOTHING,
      };
    // The recorded health may know more by now, such as why the process ended.
    const known = await store.read
      .selectFrom("endpoint_health")
      .select("reason")
      .where("endpoint", "=", subject)
      .where("status", "=", "unhealthy")
      .executeTakeFirst();
    return {
      title: `Instance lost: ${subject}`,
      cause: known?.reason ?? reason,
      effect:
        "Deployments go on through the others. Until it is back, there is one instance fewer to take over.",
      remedy: `Look at the log of ${subject}, at its host and at the proxy in front of it, and start it again.`,
    };
  },

  all_down: ({ reason }, { state }) =>
    state === "resolved"
      ? {
          title: "Instances can be reached again",
          cause: reason,
          effect: "What GitHub could not deliver meanwhile is fetched from its log.",
          remedy: NOTHING,
        }
      : {
          title: "No instance can be reached at its public address",
          cause: reason,
          effect:
            "Nothing that GitHub sends arrives, and no Action gets its request through. Commands that run go on.",
          remedy: "Look at the proxy, the certificates, the DNS and the network in front of the instances.",
        },

  webhook_out_of_sync: ({ found, wanted, cause }, { state }) =>
    state === "resolved"
      ? {
          title: "The webhook at GitHub is right again",
          cause: `GitHub delivers to ${wanted}.`,
          effect: "What it sent elsewhere meanwhile is fetched from its log.",
          remedy: NOTHING,
        }
      : {
          title: "The webhook at GitHub is not what it should be",
          cause:
            cause === "changed"
              ? `It was changed to ${found ?? "nothing"}, and should be ${wanted}.`
              : `GitHub has not taken ${wanted}${found === null ? "" : `; last it had ${found}`}.`,
          effect: "GitHub's events do not arrive until it is put right; then they are fetched from its log.",
          remedy:
            cause === "changed"
              ? "Twinhook sets it again by itself. Find out who changed it, at the App's settings: a second installation with the same App, or a person."
              : "Twinhook keeps trying. Check that GitHub can be reached, and that APP_ID and PRIVATE_KEY are the App's.",
        },

  store_not_writable: ({ instance, reason }, { state }) => {
    if (state === "event")
      return {
        title: "The store's file was lost, and is back",
        cause: `${instance}: ${reason}.`,
        effect:
          "Nothing that was accepted is lost. Nothing was accepted while it was away; what GitHub could not deliver then is fetched from its log.",
        remedy:
          "Find out what removed it (a cleaner, a restore, a person), and keep that away from the store's folder.",
      };
    return state === "resolved"
      ? {
          title: "The store can be written to again",
          cause: `${instance} can commit again. Before: ${reason}`,
          effect:
            "Requests are accepted again. What GitHub could not deliver meanwhile is fetched from its log.",
          remedy: NOTHING,
        }
      : {
          title: "The store cannot be written to",
          cause: `${instance}: ${reason}`,
          effect:
            "Nothing is accepted or begun. Commands that run go on, and their results are kept until they can be recorded.",
          remedy:
            "Mend what the cause says (such as a full disk or a lost database). Service resumes by itself.",
        };
  },
} satisfies Partial<Writers>;
