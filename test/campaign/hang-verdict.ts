import type { Deployment } from "../../shared/deployment.ts";
import type { DeliveryRecord } from "../simulator/delivery-log.ts";
import type { ScriptLine } from "./deploy-script.ts";
import { describeStep, type HangPlan, type PlannedRun, type Step } from "./hang-plan.ts";
import type { InstanceName } from "./instances.ts";
import { type CampaignTarget, TARGETS } from "./targets.ts";
import type { Violation } from "./verdict.ts";

/** A step as it was carried out. */
export interface Happened {
  step: Step;
  /** Which instance GitHub's webhook URL named then. */
  active: InstanceName;
  at: number;
}

/** What is seen from outside: at GitHub, by the commands' own notes, and at the API. */
export interface HangEvidence {
  plan: HangPlan;
  happened: Happened[];
  /** GitHub's log of deliveries, rows that do not show yet included. */
  deliveries: DeliveryRecord[];
  /** As the API lists them. */
  deployments: Deployment[];
  /** What the commands noted, in the order in which they wrote it. */
  journal: ScriptLine[];
  /** Violations that were seen while it went on. */
  observed: string[];
}

interface Rule {
  rule: string;
  against: (facts: Facts) => string[];
}

/** The evidence, looked at from the sides that the rules need. */
class Facts {
  readonly evidence: HangEvidence;
  readonly byId: Map<string, Deployment>;
  readonly #runs: Map<number, PlannedRun>;
  readonly #deliveries: Map<string, DeliveryRecord>;

  constructor(evidence: HangEvidence) {
    this.evidence = evidence;
    this.byId = new Map(evidence.deployments.map((deployment) => [deployment.id, deployment]));
    this.#runs = new Map(evidence.plan.runs.map((run) => [run.id, run]));
    this.#deliveries = new Map(evidence.deliveries.map((delivery) => [delivery.guid, delivery]));
  }

  /** What is on record for a target, in the order of the runs. */
  of({ name }: CampaignTarget): Deployment[] {
    return this.evidence.deployments
      .filter(({ target }) => target === name)
      .toSorted((a, b) => (a.run_id ?? 0) - (b.run_id ?? 0));
  }

  /** The lines by which commands noted this of themselves, of one target. */
  noted(what: ScriptLine["what"], { name }: CampaignTarget): ScriptLine[] {
    return this.evidence.journal.filter((line) => line.what === what && line.target === name);
  }

  /** The story of a run: what GitHub's log says of it, what came of it, and what had happened just before. */
  tell(runId: number | null, deployment?: Deployment): string {
    const run = this.#runs.get(runId ?? 0);
    const delivery = run && this.#deliveries.get(run.guid);
    const record =
      deployment &&
      `${deployment.target}: ${deployment.status} by run ${this.byId.get(deployment.superseded_by ?? "")?.run_id}, ` +
        `accepted at ${deployment.accepted_at} by ${deployment.accepted_by} (${deployment.source}): ${deployment.reason}`;
    const sent =
      delivery &&
      `GitHub sent it at ${new Date(delivery.sentAt).toISOString()} to ${delivery.url} and got ` +
        `${delivery.status_code} after ${delivery.duration} s`;
    const before = this.evidence.happened
      .filter(({ at }) => delivery && at <= delivery.sentAt + LOOK_AHEAD_MS)
      .slice(-SHOWN_BEFORE)
      .map(
        ({ step, active, at }) => `${new Date(at).toISOString()} ${describeStep(step)}, active was ${active}`,
      );
    return [`run ${runId}`, record, sent, ...before].filter(Boolean).join("\n        ");
  }
}

/** What happened up to so long after an event was sent may be why it was not accepted. */
const LOOK_AHEAD_MS = 5_000;
const SHOWN_BEFORE = 5;

const key = (target: string, runId: number | null) => `${target} ${runId}`;

const RULES: Rule[] = [
  {
    rule: "every run that the rules allow is on record once for each of its targets, and no other run is",
    against: (facts) => {
      const { plan, deployments } = facts.evidence;
      const wanted = new Map(plan.runs.flatMap(({ id, targets }) => targets.map((t) => [key(t, id), id])));
      const found = Map.groupBy(deployments, ({ target, run_id }) => key(target, run_id));
      return [
        ...[...wanted].filter(([k]) => !found.has(k)).map(([k, id]) => `lost: ${k}: ${facts.tell(id)}`),
        ...[...found.keys()].filter((k) => !wanted.has(k)).map((k) => `not allowed: ${k}`),
        ...[...found]
          .filter(([, { length }]) => length > 1)
          .map(([k, { length }]) => `${length} times: ${k}`),
      ];
    },
  },
  {
    rule: "with `queue: all`, nothing is superseded: GitHub has every run in its log",
    against: (facts) =>
      TARGETS.filter(({ queue }) => queue === "all")
        .flatMap((target) => facts.of(target))
        .filter(({ status }) => status === "superseded")
        .map((deployment) => facts.tell(deployment.run_id, deployment)),
  },
  {
    rule: "with `queue: latest`, a run is superseded only by a newer one that was deployed, and the newest is deployed",
    against: (facts) =>
      TARGETS.filter(({ queue }) => queue === "latest").flatMap((target) => {
        const all = facts.of(target);
        const deployed = new Set(facts.noted("end", target).map(({ runId }) => runId));
        const isDeployed = ({ run_id }: Deployment) => deployed.has(run_id ?? 0);
        return all
          .filter(({ status }) => status === "superseded")
          .filter(
            ({ run_id }) => !all.some((newer) => (newer.run_id ?? 0) > (run_id ?? 0) && isDeployed(newer)),
          )
          .map((deployment) => facts.tell(deployment.run_id, deployment));
      }),
  },
  {
    rule: "what was not superseded succeeded, and its command ran once, to its end",
    against: (facts) =>
      TARGETS.flatMap((target) => {
        const count = (what: ScriptLine["what"], id: string) =>
          facts.noted(what, target).filter(({ deployment }) => deployment === id).length;
        return facts
          .of(target)
          .filter(({ status }) => status !== "superseded")
          .filter(
            ({ id, status }) => status !== "succeeded" || count("start", id) !== 1 || count("end", id) !== 1,
          )
          .map(
            (deployment) =>
              `${count("start", deployment.id)} starts, ${count("end", deployment.id)} ends: ${facts.tell(deployment.run_id, deployment)}`,
          );
      }),
  },
  {
    rule: "the commands of a target start in the order of its runs, each run once",
    against: (facts) =>
      TARGETS.flatMap((target) => {
        const starts = facts.noted("start", target);
        return starts
          .filter(({ runId }, index) => runId <= (starts[index - 1]?.runId ?? 0))
          .map(({ text, runId }) => `${text}: ${facts.tell(runId)}`);
      }),
  },
  {
    rule: "two of one target, or of one named lock, never run at once",
    against: ({ evidence }) =>
      evidence.journal.filter(({ what }) => what === "overlap").map(({ text }) => text),
  },
  {
    rule: "no instance dies by itself",
    against: ({ evidence }) => evidence.observed,
  },
];

/** Holds what was seen from outside against every rule; an empty list means that the order was kept. */
export function judgeHangs(evidence: HangEvidence): Violation[] {
  const facts = new Facts(evidence);
  return RULES.map(({ rule, against }) => ({ rule, evidence: against(facts) })).filter(
    ({ evidence: found }) => found.length > 0,
  );
}
