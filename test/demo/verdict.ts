import type { Deployment } from "../../shared/deployment.ts";
import type { TraceLine } from "../helpers/test-host.ts";

/** A message that was sent to an instance: one delivery of GitHub's, or one step of the Action. */
export interface Message {
  by: "GitHub" | "Action";
  runId: number;
  runAttempt: number;
  sha: string;
  /** GitHub's id of the event; null for the Action. */
  guid: string | null;
  /** Whether the rules of the configuration let this run deploy. */
  shouldDeploy: boolean;
  /** Whether an instance answered 2xx. */
  accepted: boolean;
  /** What the instance made of it, by its own word; null where nobody answered. */
  outcome: "deployed" | "superseded" | "duplicate" | "ignored" | null;
}

/** Everything that is on record at the end, from sources that do not know of each other. */
export interface Evidence {
  /** What was sent, as the sender noted it. */
  messages: readonly Message[];
  /** What the instances have on record. */
  deployments: readonly Deployment[];
  /** The GUIDs of the deliveries that the instances have on record. */
  guids: readonly string[];
  /** What the deploy scripts noted of themselves, in the order of writing. */
  commands: readonly TraceLine[];
  /** The commit that the site shows. */
  liveSha: string | null;
  /** What GitHub shows last of each deployment of Twinhook's, by run. */
  shown: readonly { runId: number | null; state: string }[];
}

/** What the evidence comes to. The last five lists are what must not be: a sentence for each case. */
export interface Verdict {
  sent: number;
  accepted: number;
  deployed: number;
  superseded: number;
  duplicates: number;
  ignored: number;
  lost: string[];
  doubled: string[];
  outOfOrder: string[];
  unwanted: string[];
  unshown: string[];
}

/** Judges the evidence. Nothing is taken for granted: an empty record is one in which everything was lost. */
export function judge(evidence: Evidence): Verdict {
  const { messages, deployments, commands } = evidence;
  const count = (outcome: Message["outcome"]) => messages.filter((m) => m.outcome === outcome).length;
  return {
    sent: messages.length,
    accepted: messages.filter(({ accepted }) => accepted).length,
    deployed: deployments.filter(({ status, id }) => status === "succeeded" && ran(commands, id)).length,
    superseded: deployments.filter(({ status }) => status === "superseded").length,
    duplicates: count("duplicate"),
    ignored: count("ignored"),
    lost: lost(evidence),
    doubled: doubled(evidence),
    outOfOrder: outOfOrder(evidence),
    unwanted: unwanted(evidence),
    unshown: unshown(evidence),
  };
}

/** Whether nothing happened that must not. */
export function isGood({ lost, doubled, outOfOrder, unwanted, unshown }: Verdict): boolean {
  return [lost, doubled, outOfOrder, unwanted, unshown].every(({ length }) => length === 0);
}

function lost({ messages, deployments, guids, commands }: Evidence): string[] {
  const problems: string[] = [];
  const wanted = distinct(messages.filter(({ shouldDeploy }) => shouldDeploy).map(key));
  for (const wantedKey of wanted) {
    const found = deployments.find((deployment) => key(deployment) === wantedKey);
    if (!found) problems.push(`run ${wantedKey} has no deployment`);
    else if (found.status === "succeeded") {
      if (!ran(commands, found.id))
        problems.push(`${found.id} is on record as succeeded, but never ran to its end`);
    } else if (found.status !== "superseded")
      problems.push(`${found.id} of run ${wantedKey} is ${found.status}`);
    else if (!commands.some(({ runId }) => runId > (found.run_id ?? 0)))
      problems.push(`${found.id} of run ${wantedKey} is superseded, but nothing newer was deployed`);
  }
  for (const { guid, accepted } of messages)
    if (accepted && guid !== null && !guids.includes(guid))
      problems.push(`the event ${guid} was answered 2xx, but is not on record`);
  return problems;
}

function doubled({ deployments, commands }: Evidence): string[] {
  const starts = commands.filter(({ what }) => what === "start");
  return [
    ...repeated(deployments.map(key)).map((one) => `run ${one} has several deployments`),
    ...repeated(starts.map(({ deployment }) => deployment)).map(
      (id) => `the command of ${id} ran several times`,
    ),
  ];
}

function outOfOrder({ messages, commands, liveSha }: Evidence): string[] {
  const problems: string[] = [];
  let newest = 0;
  let running: string | null = null;
  for (const { what, runId, deployment } of commands) {
    if (what === "end") {
      running = null;
      continue;
    }
    if (runId < newest) problems.push(`run ${runId} was deployed over the newer ${newest}`);
    if (running) problems.push(`${deployment} started while ${running} was running`);
    newest = Math.max(newest, runId);
    running = deployment;
  }
  const last = messages
    .filter(({ shouldDeploy }) => shouldDeploy)
    .toSorted((a, b) => a.runId - b.runId)
    .at(-1);
  if (last && last.sha !== liveSha)
    problems.push(`the site shows ${liveSha ?? "nothing"}, the newest is ${last.sha}`);
  return problems;
}

function unwanted({ messages, commands }: Evidence): string[] {
  const allowed = messages.filter(({ shouldDeploy }) => shouldDeploy).map(({ runId }) => runId);
  return distinct(commands.map(({ runId }) => runId).filter((runId) => !allowed.includes(runId))).map(
    (runId) => `run ${runId} was deployed against the rules`,
  );
}

function unshown({ deployments, shown }: Evidence): string[] {
  return deployments
    .filter(({ status }) => status === "succeeded")
    .filter(({ run_id }) => shown.filter((s) => s.runId === run_id && s.state === "success").length !== 1)
    .map(({ id }) => `GitHub does not show ${id} as one successful deployment`);
}

/** Whether the script of this deployment noted both its start and its end. */
function ran(commands: readonly TraceLine[], id: string): boolean {
  return ["start", "end"].every((what) => commands.some((c) => c.what === what && c.deployment === id));
}

function key(of: { runId: number; runAttempt: number } | Deployment): string {
  return "runId" in of ? `${of.runId}.${of.runAttempt}` : `${of.run_id}.${of.run_attempt}`;
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function repeated(values: readonly string[]): string[] {
  return distinct(values.filter((value, at) => values.indexOf(value) !== at));
}
