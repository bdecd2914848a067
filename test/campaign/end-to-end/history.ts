import { FIRST_RUN_ID } from "../../simulator/workflow-run-payload.ts";
import { Random } from "../random.ts";
import type { Bias } from "./bias.ts";
import { drawFaults, type Fault } from "./faults.ts";
import { ALL_SOURCES, targetsOf } from "./targets.ts";

/** All that happens in one round. Times are in milliseconds from its start. */
export interface History {
  seed: number;
  /** Whether the supervisor keeps the instances, or the campaign does. */
  supervised: boolean;
  failover: Record<string, unknown>;
  runs: Run[];
  faults: Fault[];
  endMs: number;
}

/** How GitHub sends the event: at once, later, twice, or not at all. */
export type Sending = "prompt" | "late" | "twice" | "never";

/** One attempt of a workflow run. */
export interface Run {
  /** By which `--runs` names it, with all its attempts. */
  number: number;
  id: number;
  attempt: number;
  guid: string;
  repository: string;
  branch: string;
  kind: "success" | "failure" | "fork" | "other_branch";
  sending: Sending;
  /** When the run begins; null where that is not told. A slow run ends after newer ones. */
  requestedMs: number | null;
  completedMs: number;
  /** How much later a late event is sent, or a repeated one again. */
  laterMs: number;
  /** A repeated event usually keeps its GUID. */
  otherGuid: string | null;
  /** The targets that the event deploys to by itself. */
  targets: string[];
  /** Whether its commands fail, and how long they take; null: a moment. */
  fails: boolean;
  takesMs: number | null;
  job: Job | null;
}

/** A job that asks for the deployment of its run by the Action. */
export interface Job {
  target: string;
  waitFor: "accepted" | "started" | "succeeded";
  afterMs: number;
  /** Whether its token proves an approval; otherwise it signs by the delivery secret. */
  approved: boolean;
}

const RUN_ID_STEP = 7;
/** The first runs meet a calm host. A target is watched from a whole second on. */
const FIRST_RUN_MS = 2_500;
const PAUSES_MS = { burst: [20, 150], usual: [300, 1_200], rest: [1_500, 3_000] } as const;
const KINDS = { success: 88, failure: 4, fork: 4, other_branch: 4 } as const;
const SENDINGS: Record<Sending, number> = { prompt: 78, late: 8, twice: 9, never: 5 };
const JOBS_EVERY = 7;
const USUAL_TAKES_MS = [500, 4_000] as const;

/** Draws the history of a seed. `bias` makes it prefer what shows a certain bug. */
export function drawHistory(seed: number, endMs: number, bias: Bias = {}): History {
  const random = new Random(seed, "history");
  const supervised = random.chance(0.5);
  return {
    seed,
    supervised: bias.supervised ?? supervised,
    failover: {
      failover_threshold: random.pick([3, 5]),
      // No verdict may depend on the speed of the machine: without GitHub's word a run is not given up.
      order_wait: "10m",
      ...(random.chance(0.5) && { min_success_rate: 10, recovery_success_rate: 20 }),
    },
    runs: drawRuns(new Random(seed, "runs"), endMs, bias),
    faults: drawFaults(new Random(seed, "faults"), endMs, bias.scenes),
    endMs,
  };
}

/** The numbers of the faults that happen, and of the runs; without one of them, all. */
export interface Only {
  faults?: ReadonlySet<number>;
  runs?: ReadonlySet<number>;
}

/** The history with these faults and runs alone. */
export function shorten(history: History, only: Only = {}): History {
  return {
    ...history,
    faults: history.faults.filter(({ number }) => only.faults?.has(number) ?? true),
    runs: history.runs.filter(({ number }) => only.runs?.has(number) ?? true),
  };
}

function drawRuns(random: Random, endMs: number, bias: Bias): Run[] {
  const runs: Run[] = [];
  const again: Run[] = [];
  for (let atMs = FIRST_RUN_MS; atMs < endMs; ) {
    const run = drawRun(random, runs.length, atMs, bias);
    runs.push(run);
    if (random.chance(bias.rerun ?? 0.15) && mayRepeat(run)) again.push(drawRerun(random, run));
    const usual = PAUSES_MS[random.weighted({ burst: 30, usual: 60, rest: 10 })];
    atMs += random.integer(...(bias.pauseMs ?? usual));
  }
  return [...runs, ...again].sort((a, b) => a.completedMs - b.completedMs);
}

function drawRun(random: Random, index: number, atMs: number, bias: Bias): Run {
  const [repository = "", branch = ""] = random.weighted(bias.sources ?? ALL_SOURCES).split(" ");
  const kind = random.weighted(KINDS);
  const slow = random.chance(0.08);
  const targets = kind === "success" ? targetsOf({ repository, branch }) : [];
  const run: Run = {
    number: index + 1,
    id: FIRST_RUN_ID + index * RUN_ID_STEP,
    attempt: 1,
    guid: random.uuid(),
    repository,
    branch: kind === "other_branch" ? "feature" : branch,
    kind,
    sending: random.weighted(bias.sendings ?? SENDINGS),
    requestedMs: slow || random.chance(0.2) ? atMs : null,
    completedMs: slow ? atMs + random.integer(1_500, 6_000) : atMs + 60,
    laterMs: random.integer(20, random.pick([300, 3_000, 15_000])),
    otherGuid: random.chance(0.4) ? random.uuid() : null,
    targets: targets.filter(({ approval }) => !approval).map(({ name }) => name),
    fails: random.chance(bias.fails ?? 0.04),
    takesMs: random.chance(bias.takesMs ? 1 : 0.15)
      ? random.integer(...(bias.takesMs ?? USUAL_TAKES_MS))
      : null,
    job: null,
  };
  const asked = random.chance(bias.asked ?? (repository === "acme/pay" ? 0.7 : 1 / JOBS_EVERY));
  const job: Omit<Job, "target" | "approved"> = {
    waitFor: random.pick(["accepted", "started", "succeeded"] as const),
    afterMs: random.integer(0, random.pick([0, 500, 4_000])),
  };
  const [target] = targets;
  if (asked && target) run.job = { ...job, target: target.name, approved: target.approval };
  return run;
}

/** GitHub lists a run with its latest attempt only: an earlier one must have been told otherwise. */
function mayRepeat({ kind, sending, requestedMs, job }: Run): boolean {
  if (kind === "fork" || requestedMs !== null || job?.approved) return false;
  return sending === "prompt" || (sending === "late" && job !== null);
}

/** A person runs it again: an attempt of its own, whose event is sent at once. */
function drawRerun(random: Random, run: Run): Run {
  return {
    ...run,
    attempt: 2,
    kind: run.kind === "failure" ? "success" : run.kind,
    targets:
      run.kind === "failure"
        ? targetsOf(run).flatMap(({ name, approval }) => (approval ? [] : [name]))
        : run.targets,
    guid: random.uuid(),
    sending: "prompt",
    job: null,
    completedMs: run.completedMs + run.laterMs + random.integer(2_500, 15_000),
  };
}
