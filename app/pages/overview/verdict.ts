import type { Overview } from "./read-overview.ts";

export interface Advice {
  text: string;
  /** Since when this holds (ms); the page counts the time. */
  since?: number;
  link?: { path: string; text: string };
}

/** Whether deployments are safe, in one sentence, and the remedy when they are not. */
export interface Verdict {
  level: "good" | "warn" | "bad";
  sentence: string;
  /** Causes and remedies, the most urgent first. */
  advice: Advice[];
}

export type Facts = Pick<
  Overview,
  | "now"
  | "controller"
  | "active"
  | "pinned"
  | "pinnedReason"
  | "mode"
  | "hasDoor"
  | "endpoints"
  | "webhook"
  | "changes"
  | "targets"
  | "pending"
  | "renamed"
>;

/** A switch of the webhook URL takes less than this. If it takes longer, a person should look. */
const SWITCH_LIMIT_MS = 5_000;
/** A deployment that waits longer while nothing runs has another reason than its turn. */
const QUEUE_LIMIT_MS = 2 * 60_000;

/** Instances that have not reached each other after this time are not just starting. */
const START_LIMIT_MS = 30_000;

const RESTART =
  "It is started again by itself. If it stays away: systemctl status twinhook; why it ended: journalctl -u twinhook.";

/** Judges the facts: the first problem makes the sentence, and every problem gives advice. */
export function verdictOf(facts: Facts): Verdict {
  const found = [
    allDown,
    webhookElsewhere,
    noController,
    someDown,
    degraded,
    renamed,
    failedTargets,
    stuck,
    pinned,
  ]
    .map((look) => look(facts))
    .filter((verdict) => verdict !== null);
  const worst = found.find(({ level }) => level === "bad") ?? found[0];
  if (!worst) return allWell(facts);
  return {
    level: worst.level,
    sentence: worst.sentence,
    advice: [worst, ...found.filter((verdict) => verdict !== worst)].flatMap((verdict) =>
      verdict === worst ? verdict.advice : [{ text: verdict.sentence }, ...verdict.advice],
    ),
  };
}

const names = (endpoints: readonly { name: string }[]) => endpoints.map(({ name }) => name).join(" and ");
const isUp = ({ status }: { status: string }) => status === "healthy" || status === "degraded";

function allWell({ endpoints, active, mode, hasDoor }: Facts): Verdict {
  const spare = endpoints.filter(({ name }) => name !== active);
  const how =
    mode === "broadcast"
      ? `GitHub delivers to ${names(endpoints)}.`
      : hasDoor
        ? "GitHub delivers to the door that all instances share."
        : `GitHub delivers to ${active ?? "nobody yet"}.`;
  const next = spare.length > 0 ? ` ${names(spare)} can take over at any moment.` : "";
  return {
    level: "good",
    sentence: "Deployments are safe.",
    advice: [{ text: `${how}${next}` }],
  };
}

function allDown({ now, endpoints }: Facts): Verdict | null {
  if (endpoints.length === 0 || endpoints.some(isUp)) return null;
  const isNew = ({ status, since }: Facts["endpoints"][number]) =>
    status === "unknown" && (since === null || now - since < START_LIMIT_MS);
  if (endpoints.every(isNew))
    return {
      level: "warn",
      sentence: "It is not known yet whether deployments are safe: no endpoint has answered so far.",
      advice: [{ text: "The instances have only just begun to look at each other." }, ...reasons(endpoints)],
    };
  return {
    level: "bad",
    sentence:
      endpoints.length === 1
        ? `Deployments are not safe: ${names(endpoints)} does not answer.`
        : `Deployments are not safe: none of the ${endpoints.length} endpoints answers.`,
    advice: [
      ...reasons(endpoints),
      {
        text: "See whether the instances run, and whether their URLs lead to them (proxy, certificate, firewall).",
      },
      {
        text: "What GitHub sends meanwhile is fetched from its log once one is back; it keeps it for 3 days.",
      },
    ],
  };
}

const reasons = (endpoints: Facts["endpoints"]) =>
  endpoints.map(({ name, reason }) => ({ text: `${name}: ${reason}.` }));

function webhookElsewhere({ now, webhook, active, changes, mode }: Facts): Verdict | null {
  if (webhook.inSync || active === null || mode === "broadcast") return null;
  const open = changes[0]?.verified_at === null && changes[0].abandoned_at === null ? changes[0] : null;
  if (open && now - open.decided_at < SWITCH_LIMIT_MS)
    return {
      level: "warn",
      sentence: `GitHub is being told to deliver to ${active}; that takes a moment.`,
      advice: [],
    };
  if (webhook.url === null)
    return {
      level: "warn",
      sentence: "It is not known yet where GitHub delivers to: its webhook URL has not been read.",
      advice: [
        {
          text: "See whether GitHub can be reached from here, and whether APP_ID and the private key are right.",
        },
      ],
    };
  return {
    level: "bad",
    sentence: `Deployments are not safe: GitHub delivers to ${webhook.url}, and should to ${active}.`,
    advice: [
      {
        text: "It is tried again until GitHub takes it. See githubstatus.com, and the log of the controller for what GitHub answers.",
      },
      { text: "What it could not deliver is fetched from its log meanwhile, every minute." },
    ],
  };
}

function noController({ controller }: Facts): Verdict | null {
  if (controller !== null) return null;
  return {
    level: "warn",
    sentence: "No instance controls where GitHub delivers to: nothing would fail over now.",
    advice: [
      {
        text: "One takes over within 2 s. If none does, see the instances' logs for what the store answers.",
      },
    ],
  };
}

function someDown({ endpoints }: Facts): Verdict | null {
  const down = endpoints.filter((endpoint) => !isUp(endpoint));
  const up = endpoints.filter(isUp);
  if (down.length === 0 || up.length === 0) return null;
  const verb = down.length === 1 ? "does" : "do";
  return {
    level: "warn",
    sentence:
      up.length === 1
        ? `Deployments are safe, but only as long as ${names(up)} runs: ${names(down)} ${verb} not answer.`
        : `Deployments are safe; ${names(down)} ${verb} not answer.`,
    advice: [
      ...down.map(({ name, reason, since }) => ({
        text: `${name}: ${reason}.`,
        ...(since !== null && { since }),
      })),
      { text: RESTART },
    ],
  };
}

function degraded({ endpoints }: Facts): Verdict | null {
  const slow = endpoints.filter(({ status }) => status === "degraded");
  if (slow.length === 0 || !endpoints.some(({ status }) => status === "healthy" || status === "degraded"))
    return null;
  return {
    level: "warn",
    sentence: `Deployments are received, but ${names(slow)} ${slow.length === 1 ? "does" : "do"} poorly.`,
    advice: [
      ...reasons(slow),
      { text: "See the load of the machine and of its disk, and the proxy in front of it." },
    ],
  };
}

function renamed({ renamed: found }: Facts): Verdict | null {
  if (found.length === 0) return null;
  return {
    level: "warn",
    sentence: "twinhook.yml calls a repository by a name that it does not have at GitHub any more.",
    advice: found.map((text) => ({ text: `${text}.` })),
  };
}

function failedTargets({ targets }: Facts): Verdict | null {
  const failed = targets.filter(({ last }) => last?.status === "failed");
  if (failed.length === 0) return null;
  const list = failed.map(({ name, repository }) => `${name} of ${repository}`).join(", ");
  return {
    level: "warn",
    sentence: `Deployments are received, but the last one of ${list} failed.`,
    advice: failed.map(({ last, name }) => ({
      text: `${name}: ${last?.reason ?? "it failed"}.`,
      link: { path: `/deployments/${last?.id}`, text: "See its log, and retry it there" },
    })),
  };
}

function stuck({ now, pending: { running, oldestQueuedAt } }: Facts): Verdict | null {
  if (running > 0 || oldestQueuedAt === null || now - oldestQueuedAt < QUEUE_LIMIT_MS) return null;
  return {
    level: "warn",
    sentence: "A deployment waits although nothing runs.",
    advice: [
      {
        text: "Its lock may be held by another target, or its target was removed from the configuration. See the instances' logs.",
        since: oldestQueuedAt,
      },
    ],
  };
}

function pinned({ pinned: name, pinnedReason }: Facts): Verdict | null {
  if (name === null) return null;
  return {
    level: "warn",
    sentence: `Deployments are safe; a switchover holds them on ${name}.`,
    advice: [
      {
        text: `${pinnedReason ? `Its reason: ${pinnedReason}. ` : ""}Release it when you are done, so that the preferred endpoint takes over again.`,
      },
    ],
  };
}
