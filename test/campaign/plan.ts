import type { WorkflowRunOptions } from "../simulator/workflow-run-payload.ts";
import { FIRST_RUN_ID } from "../simulator/workflow-run-payload.ts";
import { Random } from "./random.ts";
import { SOURCES, TARGETS } from "./targets.ts";

/** What is drawn from the seed, before anything is sent. */
export interface Plan {
  events: PlannedEvent[];
  kills: PlannedKill[];
  faults: PlannedFault[];
}

/** Why an event is sent. */
export type EventKind =
  | "run"
  | "rerun"
  | "failed"
  | "fork"
  | "other_branch"
  | "other_workflow"
  | "requested"
  | "redelivered"
  | "sent_twice";

/** One event as GitHub would send it, in the order of sending. */
export interface PlannedEvent {
  kind: EventKind;
  guid: string;
  run: RunOptions;
  /** The targets that the rules let it deploy to. */
  targets: string[];
  /** Which twin is tried first. */
  first: "primary" | "backup";
  /** How long its connection rests before it is sent. */
  pauseMs: number;
}

type RunOptions = Required<Pick<WorkflowRunOptions, "repository" | "runId" | "attempt" | "branch">> &
  Pick<WorkflowRunOptions, "sha" | "conclusion" | "fork" | "action" | "path" | "startedAt">;

/** Whom a kill hits, and in which situation. */
export type Victim =
  | "instance"
  | "both_instances"
  | "runner"
  | "runner_at_claim"
  | "runner_at_end"
  | "runner_and_instance"
  | "runner_and_command"
  | "command";

export interface PlannedKill {
  victim: Victim;
  /** As many events must have been answered. */
  afterEvents: number;
  /** Then this much later; for `…_at_…` after the situation has come. */
  delayMs: number;
  /** Which of several: the part of the list that is before it, from 0 to below 1. */
  which: number;
}

/** Something that goes wrong at GitHub's API. */
export interface PlannedFault {
  afterEvents: number;
  fault: "status" | "reset" | "lost-answer" | "latency";
  times: number;
}

/** What the plan is for. */
export interface PlanOptions {
  seed: number;
  events: number;
  kills: number;
  connections: number;
  /** Events per second, over all connections. */
  rate: number;
}

const DUPLICATES = 0.2;
const OUT_OF_ORDER = 0.1;
/** GitHub hands run ids out in order, with gaps. */
const RUN_ID_STEP = 7;
/** The first run began here; each later run, and re-run, a second after the one before. */
const FIRST_START = Date.UTC(2026, 0, 1);

const KINDS = {
  run: 84,
  rerun: 6,
  failed: 3,
  fork: 2,
  other_branch: 2,
  other_workflow: 1,
  requested: 2,
} as const;

/** Draws the whole schedule from the seed: events, kills, and what goes wrong at GitHub. */
export function drawPlan(options: PlanOptions): Plan {
  return { events: drawEvents(options), kills: drawKills(options), faults: drawFaults(options) };
}

function drawEvents({ seed, events: count, connections, rate }: PlanOptions): PlannedEvent[] {
  const random = new Random(seed, "events");
  const duplicates = Math.round(count * DUPLICATES);
  const event = (
    kind: EventKind,
    run: RunOptions,
    targets: string[],
    guid = random.uuid(),
  ): PlannedEvent => ({
    kind,
    guid,
    run,
    targets,
    first: random.pick(["primary", "backup"] as const),
    // Most come in bursts, so that several share a commit; the others make up for it.
    pauseMs: random.chance(0.6) ? 0 : (random.next() * 2 * 1000 * connections) / rate / 0.4,
  });

  const events: PlannedEvent[] = [];
  for (let index = 0; index < count - duplicates; index++) {
    const kind = random.weighted(KINDS);
    const startedAt = FIRST_START + index * 1000;
    const runId = FIRST_RUN_ID + index * RUN_ID_STEP;
    const again = kind === "rerun" ? earlierRun(random, events) : undefined;
    if (again) {
      const { conclusion: _, ...same } = again.run;
      const attempt =
        1 + Math.max(...events.filter((e) => e.run.runId === same.runId).map((e) => e.run.attempt));
      events.push(event("rerun", { ...same, attempt, startedAt }, targetsOf(same)));
      continue;
    }
    const [repository = "", branch = ""] = random.weighted(SOURCES).split(" ");
    const run = { repository, branch, runId, attempt: 1, startedAt };
    if (kind === "failed")
      events.push(event(kind, { ...run, conclusion: random.pick(["failure", "cancelled", "skipped"]) }, []));
    else if (kind === "fork") events.push(event(kind, { ...run, fork: true }, []));
    else if (kind === "other_branch") events.push(event(kind, { ...run, branch: "feature" }, []));
    else if (kind === "other_workflow")
      events.push(event(kind, { ...run, path: ".github/workflows/lint.yml" }, []));
    else if (kind === "requested") events.push(event(kind, { ...run, action: "requested" }, []));
    else events.push(event("run", run, targetsOf(run)));
  }

  for (const late of events.filter(() => random.chance(OUT_OF_ORDER)))
    moveTo(events, late, events.indexOf(late) + random.integer(2, 60));
  for (let made = 0; made < duplicates; made++) {
    const from = random.integer(0, events.length - 1);
    const { kind, run, targets, guid } = events[from] as PlannedEvent;
    const same = kind === "sent_twice" || kind === "redelivered" || random.chance(0.5);
    const copy = event(same ? "redelivered" : "sent_twice", run, targets, same ? guid : random.uuid());
    // Often right after the first, so that both are under way at once.
    const distance = random.chance(0.4) ? 1 : random.integer(2, 80);
    events.splice(from + distance, 0, copy);
  }
  return events;
}

/** A run that a person would start again: a recent one, whose code is the repository's. */
function earlierRun(random: Random, events: readonly PlannedEvent[]): PlannedEvent | undefined {
  const candidates = events.slice(-40).filter(({ kind }) => kind === "run" || kind === "failed");
  return candidates.length > 0 ? random.pick(candidates) : undefined;
}

function targetsOf({ repository, branch }: Pick<RunOptions, "repository" | "branch">): string[] {
  return TARGETS.filter((t) => t.repository === repository && t.branch === branch).map(({ name }) => name);
}

function moveTo<T>(list: T[], item: T, index: number): void {
  list.splice(list.indexOf(item), 1);
  list.splice(index, 0, item);
}

const VICTIMS: Record<Victim, number> = {
  instance: 34,
  both_instances: 4,
  runner: 14,
  runner_at_claim: 16,
  runner_at_end: 12,
  runner_and_instance: 8,
  runner_and_command: 4,
  command: 8,
};

function drawKills({ seed, events, kills }: PlanOptions): PlannedKill[] {
  const random = new Random(seed, "kills");
  return Array.from({ length: kills }, (_, index) => ({
    victim: random.weighted(VICTIMS),
    // The last ones fall into the time when all is sent and the queue runs empty.
    afterEvents: Math.min(events, Math.round(((index + random.next()) / kills) * events * 1.15)),
    delayMs: random.chance(0.3) ? 0 : random.integer(0, 30),
    which: random.next(),
  }));
}

function drawFaults({ seed, events }: PlanOptions): PlannedFault[] {
  const random = new Random(seed, "faults");
  return Array.from({ length: Math.ceil(events / 100) }, (_, index) => ({
    afterEvents: Math.round(((index + random.next()) * events) / Math.ceil(events / 100)),
    fault: random.pick(["status", "reset", "lost-answer", "latency"] as const),
    times: random.integer(1, 3),
  }));
}
