import type { Deployment } from "../../../shared/deployment.ts";
import type { ScriptLine } from "../deploy-script.ts";
import type { Evidence } from "./evidence.ts";
import { describe } from "./faults.ts";
import type { Run } from "./history.ts";
import { ALL_TARGETS, type Target } from "./targets.ts";

/** What happened up to so long after an event was sent may be why it was not accepted. */
const LOOK_AHEAD_MS = 5_000;
const SHOWN_BEFORE = 6;

/** One run attempt at one target. */
export const keyOf = (target: string, runId: number | null, attempt: number | null) =>
  `${target} ${runId}.${attempt}`;

/** The evidence, looked at from the sides that the rules need. */
export class Facts {
  readonly evidence: Evidence;
  readonly byId: Map<string, Deployment>;
  /** By target, run and attempt. */
  readonly byKey: Map<string, Deployment[]>;
  readonly runs: Map<string, Run>;
  readonly #journal: Map<string, ScriptLine[]>;

  constructor(evidence: Evidence) {
    this.evidence = evidence;
    this.byId = new Map(evidence.deployments.map((row) => [row.id, row]));
    this.byKey = Map.groupBy(evidence.deployments, (row) => keyOf(row.target, row.run_id, row.run_attempt));
    this.runs = new Map(evidence.history.runs.map((run) => [`${run.id}.${run.attempt}`, run]));
    this.#journal = Map.groupBy(evidence.journal, ({ target }) => target);
  }

  of({ name }: Target): Deployment[] {
    return this.evidence.deployments.filter(({ target }) => target === name).toSorted(inOrder);
  }

  runOf({ run_id, run_attempt }: Deployment): Run | undefined {
    return this.runs.get(`${run_id}.${run_attempt}`);
  }

  /** What commands noted of themselves, of one target or of one deployment. */
  noted(what: ScriptLine["what"], { target, deployment }: { target?: string; deployment?: Deployment }) {
    const lines = this.#journal.get(target ?? deployment?.target ?? "") ?? [];
    return lines.filter((line) => line.what === what && (!deployment || line.deployment === deployment.id));
  }

  /** The run attempts for which each target must have a deployment. */
  wanted(): Map<string, Run> {
    const wanted = new Map<string, Run>();
    // Once an Action has asked for a run, its later attempts count only by a request.
    for (const run of this.evidence.history.runs)
      for (const target of run.targets)
        if (!this.#isSetAside(run, target)) wanted.set(keyOf(target, run.id, run.attempt), run);
    for (const { run, job, exitCode } of this.evidence.asked)
      if (job.approved && exitCode === 0) wanted.set(keyOf(job.target, run.id, run.attempt), run);
    return wanted;
  }

  /** Once an Action has asked for a run, before GitHub's event, its later attempts count only by a request. */
  #isSetAside({ id, attempt }: Run, target: string): boolean {
    const [first] = this.byKey.get(keyOf(target, id, 1)) ?? [];
    const [again] = this.byKey.get(keyOf(target, id, attempt)) ?? [];
    if (attempt === 1 || (first?.source !== "action" && first?.source !== "github_deployment")) return false;
    return !again || first.accepted_at < again.accepted_at;
  }

  /** The run attempts that may have a deployment besides: an approved job that gave up may have asked all the same. */
  allowed(): Set<string> {
    return new Set(this.evidence.asked.map(({ run, job }) => keyOf(job.target, run.id, run.attempt)));
  }

  /** Whether a later attempt of the same run was accepted first. It deploys the same commit, and counts for the run. */
  wasRunAgain({ target, run_id, run_attempt, accepted_at }: Deployment): boolean {
    return this.evidence.deployments.some(
      (other) =>
        other.target === target &&
        other.run_id === run_id &&
        (other.run_attempt ?? 0) > (run_attempt ?? 0) &&
        other.accepted_at <= accepted_at,
    );
  }

  /** Whether a newer run of the repository had ended at GitHub before this one did. */
  overtaken(run: Run): boolean {
    const { completedAt, history } = this.evidence;
    const ended = completedAt.get(`${run.id}.${run.attempt}`) ?? 0;
    return history.runs.some(
      (other) =>
        other.repository === run.repository &&
        other.id > run.id &&
        (completedAt.get(`${other.id}.${other.attempt}`) ?? Number.POSITIVE_INFINITY) <= ended,
    );
  }

  /** How many processes of a kind were killed. */
  hits(kind: "runner" | "command", attempt = ""): number {
    return this.evidence.happened
      .filter(({ fault }) => fault.what === "kill")
      .flatMap(({ hit }) => hit)
      .filter((one) => one.startsWith(kind) && one.endsWith(attempt)).length;
  }

  /** The story of a run: what came of it, what GitHub's log says of it, and what had happened just before. */
  tell(run: Run | undefined, deployment?: Deployment): string {
    if (!run) return "a run that never was";
    const record =
      deployment &&
      `${deployment.id} ${deployment.target}: ${deployment.status} by run ${this.byId.get(deployment.superseded_by ?? "")?.run_id}, ` +
        `attempt ${deployment.attempt}, accepted ${deployment.accepted_at} by ${deployment.accepted_by} (${deployment.source}), ` +
        `begun ${deployment.started_at}, ended ${deployment.finished_at}: ${deployment.reason}`;
    const rows = this.evidence.log.filter(({ guid }) => guid === run.guid || guid === run.otherGuid);
    const sent = rows.map(
      ({ sentAt, url, status_code, duration }) =>
        `GitHub sent it at ${time(sentAt)} to ${url} and got ${status_code} after ${duration} s`,
    );
    const last = Math.max(
      this.evidence.completedAt.get(`${run.id}.${run.attempt}`) ?? 0,
      ...rows.map(({ sentAt }) => sentAt),
    );
    const before = this.evidence.happened
      .filter(({ at }) => at <= last + LOOK_AHEAD_MS)
      .slice(-SHOWN_BEFORE)
      .map(
        ({ fault, at, active, hit }) => `${time(at)} ${describe(fault)} hit [${hit}], active was ${active}`,
      );
    const name = `run ${run.id}.${run.attempt} of ${run.repository} ${run.branch} (${run.kind}, sent ${run.sending})`;
    return [name, record, ...sent, ...before].filter(Boolean).join("\n        ");
  }
}

const time = (ms: number) => new Date(ms).toISOString();

/** Negative where `a` comes before `b` in their target's order. */
export function inOrder(a: Deployment, b: Deployment): number {
  return (a.run_id ?? 0) - (b.run_id ?? 0) || (a.run_attempt ?? 0) - (b.run_attempt ?? 0);
}

export const QUEUE_ALL = ALL_TARGETS.filter(({ queue, approval }) => queue === "all" && !approval);
export const QUEUE_LATEST = ALL_TARGETS.filter(({ queue }) => queue === "latest");
