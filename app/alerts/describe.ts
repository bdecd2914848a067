import { formatDuration } from "../../shared/format-duration.ts";
import { describeRules } from "../accept/approval.ts";
import { isoTime } from "../clock.ts";
import { targetPath } from "../config/link-base.ts";
import type { AlertFacts } from "../queue/alert-facts.ts";
import type { AlertRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { Alert } from "./alert.ts";

/** An alert as it is recorded, before it is put into words. */
export type Noted = Omit<AlertRow, "id" | "told_at"> & { id: string };

/** The sources of the words beside the record. */
export interface Wording {
  store: Pick<Store, "read">;
  /** The addresses of the dashboard and of a deployment's page. */
  homeUrl: string;
  pageUrl: (deploymentId: string) => string;
}

type Words = Pick<Alert, "title" | "cause" | "effect" | "remedy"> & { url?: string };
type Writers = {
  [K in keyof AlertFacts]: (facts: AlertFacts[K], noted: Noted, wording: Wording) => Words | Promise<Words>;
};

/** Puts an alert into words: title, time, cause, effect on deployments, remedy and link. */
export async function describeAlert(noted: Noted, wording: Wording): Promise<Alert> {
  const { id, kind, state, subject, since, at } = noted;
  const write = WRITERS[kind] as (facts: unknown, noted: Noted, wording: Wording) => Words | Promise<Words>;
  const words = await write(JSON.parse(noted.facts), noted, wording);
  return {
    id,
    kind,
    state,
    subject,
    since: isoTime(since),
    at: isoTime(at),
    url: wording.homeUrl,
    ...words,
  };
}

const NOTHING = "Nothing.";

/** The address of a target's page. `homeUrl` ends with a slash. */
function targetUrl(homeUrl: string, repository: string, target: string): string {
  return homeUrl.replace(/\/$/, "") + targetPath(repository, target);
}

const WRITERS: Writers = {
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

  deployment_failed: async (
    { deploymentId, attempt, reason },
    { state, subject },
    { store, pageUrl, homeUrl },
  ) => {
    const row = await store.read
      .selectFrom("deployments")
      .select(["repository", "target", "environment", "sha", "ref", "actor", "verify_url"])
      .where("id", "=", deploymentId)
      .executeTakeFirst();
    const what = row ? `${row.target} of ${row.repository}` : subject;
    const commit = row ? `${row.ref} at ${row.sha.slice(0, 12)}` : "The commit";
    const by = row?.actor ? `, by ${row.actor}` : "";
    const url = pageUrl(deploymentId);
    if (state === "resolved")
      return {
        title: `Deployed again: ${what}`,
        cause: `${commit}${by} succeeded.`,
        effect: "The failure before it is made good.",
        remedy: NOTHING,
        url,
      };
    // The command has changed the site already, so that going back is the first thing to offer.
    if (row && row.verify_url !== null)
      return {
        title: `Deployment failed: ${what}`,
        cause: `${reason ?? "no reason is on record"}${attempt > 1 ? ` (attempt ${attempt})` : ""}`,
        effect: `${commit}${by} may be live in ${row.environment}, but ${row.verify_url} does not show it.`,
        remedy: `Roll back on the page of the target, or mend the cause and retry it: ${url}`,
        url: targetUrl(homeUrl, row.repository, row.target),
      };
    return {
      title: `Deployment failed: ${what}`,
      cause: `${reason ?? "no reason is on record"}${attempt > 1 ? ` (attempt ${attempt})` : ""}`,
      effect: `${commit}${by} is not deployed, or only in part. What ran in ${row?.environment ?? "its environment"} before may still run.`,
      remedy:
        "Read its log, mend the cause, and retry it on its page, or by re-running the workflow at GitHub.",
      url,
    };
  },

  deployment_succeeded: async ({ deploymentId, attempt }, { subject }, { store, pageUrl }) => {
    const row = await store.read
      .selectFrom("deployments")
      .select(["repository", "target", "environment", "sha", "ref", "actor", "started_at", "finished_at"])
      .where("id", "=", deploymentId)
      .executeTakeFirst();
    const { started_at: from = null, finished_at: to = null } = row ?? {};
    const commit = row ? `${row.ref} at ${row.sha.slice(0, 12)}` : "The commit";
    return {
      title: `Deployed: ${row ? `${row.target} of ${row.repository}` : subject}`,
      cause: `${commit}${row?.actor ? `, by ${row.actor},` : ""} succeeded${attempt > 1 ? ` (attempt ${attempt})` : ""}.`,
      effect: `It is live in ${row?.environment ?? "its environment"}${from === null || to === null ? "" : `, after ${formatDuration(to - from)}`}.`,
      remedy: NOTHING,
      url: pageUrl(deploymentId),
    };
  },

  rollback: async ({ deploymentId, runId, insteadOf }, { subject }, { store, pageUrl }) => {
    const row = await store.read
      .selectFrom("deployments")
      .select(["repository", "target", "environment", "sha", "run_attempt", "order_note"])
      .where("id", "=", deploymentId)
      .executeTakeFirst();
    const what = row ? `${row.target} of ${row.repository}` : subject;
    if (runId === null)
      return {
        title: `Rolled back: ${what}`,
        cause: row?.order_note ?? "A person asked for it.",
        effect: `${row?.environment ?? "The environment"} gets this commit again. If the target is held, newer runs wait.`,
        remedy: "If nobody meant to roll back, release the target, and deploy the newer commit again.",
        url: pageUrl(deploymentId),
      };
    return {
      title: `Rolled back: ${what}`,
      cause: `A re-run of run ${runId}${row ? ` (attempt ${row.run_attempt})` : ""} was deployed after run ${insteadOf}, the newest.`,
      effect: `${row?.environment ?? "The environment"} gets an older commit${row ? `, ${row.sha.slice(0, 12)}` : ""}. The next new run is deployed as usual.`,
      remedy: `If nobody meant to roll back, re-run all jobs of run ${insteadOf} at GitHub.`,
      url: pageUrl(deploymentId),
    };
  },

  host_missing: ({ deploymentId, hosts }, { state, subject }, { pageUrl }) => {
    const named = hosts.join(", ");
    if (state === "resolved")
      return {
        title: `No deployment waits for a host any more: ${subject}`,
        cause: "The host is back, or nothing waits for it.",
        effect: "Deployments go on.",
        remedy: NOTHING,
      };
    return {
      title: `A deployment waits for ${hosts.length === 1 ? "the host" : "one of the hosts"} ${named}: ${subject}`,
      cause: hosts.length === 1 ? `No instance of ${named} is up.` : "No instance of any of them is up.",
      effect: "It goes on once an instance there is up again. Newer runs of this target wait too.",
      remedy: `Start the instances on ${named}, or cancel the deployment. For a host that is gone, correct hosts in twinhook.yml.`,
      ...(deploymentId !== null && { url: pageUrl(deploymentId) }),
    };
  },

  held: ({ repository, target, by, reason, until }, { state }, { homeUrl }) =>
    state === "resolved"
      ? {
          title: `Released: ${target} of ${repository}`,
          cause: `${by} ended the hold.`,
          effect: "Waiting runs are deployed now.",
          remedy: NOTHING,
          url: targetUrl(homeUrl, repository, target),
        }
      : {
          title: `Held: ${target} of ${repository}`,
          cause: `${by}: ${reason}`,
          effect: `New runs wait until ${until === null ? "somebody releases the target" : isoTime(until)}.`,
          remedy: "When they may go on, release it on its page.",
          url: targetUrl(homeUrl, repository, target),
        },

  approval_changed: ({ repository, target, environment, now, rules, byFile }) => ({
    title: `${now === "required" ? "Approval is needed" : "Approval is no longer needed"}: ${target} of ${repository}`,
    cause: byFile
      ? `twinhook.yml has approval: ${now} for the target.`
      : now === "required"
        ? `GitHub protects the environment ${environment} now: ${describeRules(rules)}.`
        : `GitHub has no protection rules for the environment ${environment} any more.`,
    effect:
      now === "required"
        ? `Only a job that names the environment ${environment} starts a deployment. The events of its runs wait for that job.`
        : "Events and Actions start deployments without an approval. Runs that waited for one go on waiting.",
    remedy:
      now === "required"
        ? `See that the deploy job has the lines "environment: ${environment}" and "permissions: { id-token: write }".`
        : `If nobody meant to remove it, protect the environment ${environment} at GitHub again, or set approval: required in twinhook.yml.`,
  }),

  catch_up: ({ look, found, accepted }) => ({
    title: `${found} ${found === 1 ? "request" : "requests"} had not arrived, and ${found === 1 ? "was" : "were"} found at GitHub`,
    cause: LOOKS[look] ?? "They were found at GitHub.",
    effect: whatBecame(found, accepted),
    remedy:
      "Nothing for these. If no instance was down at that time, look at GitHub's list of deliveries (App settings, Advanced) for what it saw.",
  }),

  repository_renamed: ({ name, now, id, takenBy, line }) =>
    takenBy === null
      ? {
          title: `Repository renamed: ${name} is ${now} now`,
          cause: `GitHub has the repository with the id ${id} under the name ${now}.`,
          effect: "It is deployed as before, as long as no other repository takes the old name.",
          remedy: `Write ${now} in ${line}, and run \`twinhook reload\`.`,
        }
      : {
          title: `Another repository has taken the name ${name}`,
          cause: `GitHub has the id ${takenBy} under this name. twinhook.yml means the id ${id}, last called ${now}.`,
          effect: `Events of the new ${name} deploy nothing. Those of ${now} do, if the App is installed there.`,
          remedy: `Write ${now} in ${line}. If the new one is meant: remove its targets, restart every instance, and add them again.`,
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

  test: ({ who }) => ({
    title: "This is a test alert",
    cause: `${who} asked for it.`,
    effect: "None.",
    remedy: NOTHING,
  }),
};

/** The result of requests that were found late: newer runs overtake those that are not deployed. */
function whatBecame(found: number, deployed: number): string {
  const overtaken = found - deployed;
  if (overtaken === 0) return found === 1 ? "It is deployed now." : "All of them are deployed now.";
  if (deployed === 0)
    return found === 1
      ? "It is not deployed: a newer run had overtaken it."
      : "None of them is deployed: newer runs had overtaken them.";
  return `${deployed} of them ${deployed === 1 ? "is" : "are"} deployed now; newer runs overtook the other ${overtaken}.`;
}

const LOOKS: Record<string, string> = {
  catch_up: "GitHub's log shows them as failed: no instance took them in when they were sent.",
  reconcile: "GitHub has completed runs of which no event ever arrived.",
  action_deployments: "An Action could reach no instance, and left its request at GitHub.",
};
