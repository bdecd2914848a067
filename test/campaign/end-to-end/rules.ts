import type { Deployment } from "../../../shared/deployment.ts";
import { isFinal } from "../../../shared/deployment.ts";
import { WEBHOOK_PATH } from "../../../shared/deployment-request.ts";
import { FINAL_STATES, type Violation } from "../verdict.ts";
import { ALERT_RULES } from "./alert-rules.ts";
import type { Evidence } from "./evidence.ts";
import { Facts, inOrder, keyOf, QUEUE_ALL, QUEUE_LATEST } from "./facts.ts";
import { ALL_TARGETS } from "./targets.ts";

/** One rule: the promise in words, and what speaks against it. */
export interface Rule {
  rule: string;
  /** Whether time cannot heal what speaks against it. */
  forGood?: true;
  against: (facts: Facts) => string[];
}

const RULES: Rule[] = [
  {
    rule: "P7: every run that the rules allow is on record for each of its targets",
    against: (facts) =>
      [...facts.wanted()]
        .filter(([key]) => !facts.byKey.has(key))
        .map(([key, run]) => `lost: ${key}: ${facts.tell(run)}`),
  },
  {
    rule: "P2: a run has one deployment for each of its targets, and no other run has one",
    forGood: true,
    against: (facts) => {
      const wanted = facts.wanted();
      const allowed = facts.allowed();
      return [
        ...[...facts.byKey]
          .filter(([key]) => !wanted.has(key) && !allowed.has(key))
          .map(([key, [row]]) => `not allowed: ${key}: ${facts.tell(row && facts.runOf(row), row)}`),
        ...[...facts.byKey]
          .filter(([, { length }]) => length > 1)
          .map(([key, rows]) => `${rows.length} times: ${key}: ${rows.map(({ id }) => id)}`),
      ];
    },
  },
  {
    rule: "P1: what was answered with 2xx is on record",
    against: ({ evidence, byId }) => [
      ...evidence.log
        .filter(({ event, status }) => event === "workflow_run" && status === "OK")
        .filter(({ guid }) => !evidence.guids.has(guid))
        .map(({ guid, url }) => `the event ${guid}, by ${url}`),
      ...evidence.asked
        .filter(({ deployment }) => deployment !== undefined && !byId.has(deployment))
        .map(({ deployment, run, route }) => `${deployment} of run ${run.id}, by ${route}`),
    ],
  },
  {
    // The catch-up repairs such a loss within a minute. Its record tells that it had to.
    rule: "P1: what was answered with 2xx was on record before the answer",
    forGood: true,
    against: ({ evidence: { log, guids } }) =>
      [...Map.groupBy(log, ({ guid }) => guid)]
        .filter(
          ([guid, rows]) => guids.get(guid) === "catch_up" && rows.every(({ status }) => status === "OK"),
        )
        .map(([guid, rows]) => `the event ${guid}, by ${rows.map(({ url }) => url)}`),
  },
  {
    rule: "nothing is left waiting or running at the end",
    against: (facts) =>
      facts.evidence.deployments
        .filter(({ status }) => !isFinal(status))
        .map((row) => facts.tell(facts.runOf(row), row)),
  },
  {
    rule: "P3: with `queue: all`, nothing is superseded that GitHub sent, logged or lists in time",
    forGood: true,
    against: (facts) =>
      QUEUE_ALL.flatMap((target) => facts.of(target))
        .filter(({ status, run_attempt }) => status === "superseded" && run_attempt === 1)
        .filter((row) => {
          const run = facts.runOf(row);
          return run && !facts.overtaken(run) && !facts.wasRunAgain(row);
        })
        .map((row) => facts.tell(facts.runOf(row), row)),
  },
  {
    rule: "P3: with `queue: latest`, a run is superseded only by a newer one that really ran, and the newest runs",
    against: (facts) =>
      QUEUE_LATEST.flatMap((target) => {
        const all = facts.of(target);
        const began = all.filter((row) => facts.noted("start", { deployment: row }).length > 0);
        return all
          .filter(({ status }) => status === "superseded")
          .filter((row) => !began.some((newer) => inOrder(newer, row) > 0))
          .map((row) => facts.tell(facts.runOf(row), row));
      }),
  },
  {
    rule: "P3: the commands of a target start in the order of its runs",
    forGood: true,
    against: (facts) =>
      ALL_TARGETS.flatMap(({ name }) => {
        let newest: Deployment | undefined;
        let last = "";
        return facts.noted("start", { target: name }).flatMap((line) => {
          const row = facts.byId.get(line.deployment);
          const repeated = line.deployment === last;
          last = line.deployment;
          if (!row) return [`${line.text}: no such deployment`];
          if (repeated || goesBack(facts, row)) return [];
          if (newest && inOrder(row, newest) < 0)
            return [
              `${line.text} came after ${newest.id} of run ${newest.run_id}: ${facts.tell(facts.runOf(row), row)}`,
            ];
          newest = row;
          return [];
        });
      }),
  },
  {
    rule: "P4: two of one target, or of one named lock, never run at once",
    forGood: true,
    against: ({ evidence }) =>
      evidence.journal.filter(({ what }) => what === "overlap").map(({ text }) => text),
  },
  {
    rule: "P2, P5: an attempt's command starts once at most, and again only after its worker was killed",
    forGood: true,
    against: (facts) => {
      const starts = facts.evidence.journal.filter(({ what }) => what === "start");
      const attempts = Map.groupBy(starts, ({ deployment, attempt }) => `${deployment} ${attempt}`);
      const deployments = new Set(starts.map(({ deployment }) => deployment));
      const repeated = [...attempts.keys()].filter((key) => !key.endsWith(" 1"));
      return [
        ...[...attempts]
          .filter(([, { length }]) => length > 1)
          .map(([key, { length }]) => `${key}: ${length} starts`),
        ...(attempts.size - deployments.size > facts.hits("runner")
          ? [`${repeated.join(", ")} although only ${facts.hits("runner")} workers were killed`]
          : []),
      ];
    },
  },
  {
    rule: "P5: a deployment succeeded if, and only if, its command came to a good end",
    against: (facts) =>
      facts.evidence.deployments
        .filter((row) => {
          const ended = facts
            .noted("end", { deployment: row })
            .some(({ attempt }) => attempt === row.attempt);
          if (row.status === "succeeded") return !ended || facts.runOf(row)?.fails;
          if (row.status === "cancelled") return true;
          return row.status === "failed" && !rightlyFailed(facts, row);
        })
        .map((row) => facts.tell(facts.runOf(row), row)),
  },
  {
    rule: "on a held target nothing begins",
    forGood: true,
    against: (facts) =>
      facts.evidence.held.flatMap(({ target, from, until }) =>
        facts.evidence.deployments
          .filter((row) => row.target === target && row.attempt === 1 && !goesBack(facts, row))
          .filter(({ started_at }) => {
            const at = Date.parse(started_at ?? "");
            return at > from && at < until;
          })
          .map((row) => `held from ${new Date(from).toISOString()}: ${facts.tell(facts.runOf(row), row)}`),
      ),
  },
  {
    rule: "a step of the Action is green only if what it waited for is so",
    against: (facts) =>
      facts.evidence.asked
        .filter(({ exitCode, deployment, status, job }) => {
          if (exitCode !== 0) return false;
          const row = facts.byId.get(deployment ?? "");
          if (!row || row.target !== job.target) return true;
          if (status === "superseded") return row.status !== "superseded";
          if (job.waitFor === "accepted") return false;
          const what = job.waitFor === "started" ? "start" : "end";
          return facts.noted(what, { deployment: row }).length === 0;
        })
        .map((asked) => {
          const row = facts.byId.get(asked.deployment ?? "");
          const { deployment, status, route, job } = asked;
          return `${deployment}: ${status} by ${route}, waited for ${job.waitFor}: ${facts.tell(asked.run, row)}`;
        }),
  },
  {
    rule: "P6: in the end GitHub delivers to an instance that answers, and the App knows it",
    against: ({ evidence: { status, hookUrl } }) => {
      const active = status.endpoints.find(({ name }) => name === status.active);
      const right = active && hookUrl === `${active.url}${WEBHOOK_PATH}`;
      return right && status.webhook.in_sync && active.status !== "unhealthy"
        ? []
        : [`GitHub has ${hookUrl}; ${JSON.stringify({ ...status, targets: undefined })}`];
    },
  },
  {
    rule: "P8: GitHub shows every deployment once, and in the end as it is",
    against: (facts) =>
      facts.evidence.deployments.flatMap((row) => {
        const shown = facts.evidence.shown.get(row.id) ?? [];
        // A request that an Action left at GitHub is shown there, in the job's own Deployment.
        const left = facts.evidence.asked.some(
          ({ run, job }) => job.target === row.target && run.id === row.run_id,
        );
        if (shown.length === 0 && (row.status === "superseded" || left)) return [];
        // GitHub itself makes a success inactive when the environment's next one comes.
        const states = shown[0]?.filter((state) => row.status === "superseded" || state !== "inactive");
        const last = states?.at(-1);
        return shown.length === 1 && last === FINAL_STATES[row.status]
          ? []
          : [`${JSON.stringify(shown)} for ${facts.tell(facts.runOf(row), row)}`];
      }),
  },
  ...ALERT_RULES,
];

/** Whether it is the re-run of an older run that had succeeded: a deliberate step back. */
function goesBack(facts: Facts, row: Deployment): boolean {
  const earlier = facts.byKey.get(keyOf(row.target, row.run_id, 1)) ?? [];
  return row.run_attempt !== 1 && earlier.some(({ status }) => status === "succeeded");
}

/** Interruptions are made good twice. */
const MAX_INTERRUPTIONS = 2;

function rightlyFailed(facts: Facts, row: Deployment): boolean {
  if (facts.runOf(row)?.fails) return true;
  if (facts.hits("command", `${row.id} ${row.attempt}`) > 0) return true;
  return /^(on \S+: )?interrupted/.test(row.reason ?? "") && facts.hits("runner") > MAX_INTERRUPTIONS;
}

/** What a planted bug may be caught by. */
export const RULE_NAMES: ReadonlySet<string> = new Set(RULES.map(({ rule }) => rule));

/** Holds what was seen from outside against every rule; an empty list means that all promises were kept. */
export function judge(evidence: Evidence): Violation[] {
  const facts = new Facts(evidence);
  return RULES.map(({ rule, against }) => ({ rule, evidence: against(facts) })).filter(
    ({ evidence: found }) => found.length > 0,
  );
}

/** Whether one of these violations stays, however long one waits. */
export function isForGood(violations: readonly Violation[]): boolean {
  return RULES.some(({ rule, forGood }) => forGood && violations.some((one) => one.rule === rule));
}
