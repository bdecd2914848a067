import { FIRST_RUN_ID } from "../simulator/workflow-run-payload.ts";
import { Random } from "./random.ts";
import { SOURCES, TARGETS } from "./targets.ts";

/** What the schedule is drawn for. All times are in milliseconds. */
export interface HangPlanOptions {
  seed: number;
  hangs: number;
  /** The longest hang, the longest pause after it, and how late GitHub's lists are at most. */
  longestHangMs: number;
  longestPauseMs: number;
  longestLateMs: number;
}

/** The schedule of one host: its configuration, and what happens when. */
export interface HangPlan {
  /** `failover` of the configuration file. */
  failover: { failover_threshold: number; min_success_rate: number; recovery_success_rate: number };
  /** Every run, in the order in which GitHub numbers and completes them. */
  runs: PlannedRun[];
  /** The earliest first. */
  steps: PlannedStep[];
}

/** A workflow run that completes at GitHub. */
export interface PlannedRun {
  id: number;
  guid: string;
  repository: string;
  branch: string;
  kind: "success" | "failure" | "fork" | "other_branch";
  /** The targets that the rules let it deploy to. */
  targets: string[];
}

/** An instance, by its part at the moment when it is meant: GitHub's webhook URL names the active one. */
export type Whom = "active" | "other";
/** Where a connection to PostgreSQL breaks: before an accept's INSERT, after its COMMIT; or all break at once. */
export type BreakAt = "insert" | "commit" | "all";

/** Something that happens. */
export type Step =
  | { what: "run"; action: "requested" | "completed"; run: PlannedRun }
  | { what: "hang"; number: number; whom: Whom; forMs: number }
  | { what: "kill"; whom: Whom }
  | { what: "switchover"; to: Whom }
  | { what: "unpin" }
  | { what: "lose_patch_answers"; forMs: number }
  | { what: "fail_log"; times: number }
  | { what: "lag"; logMs: number; runsMs: number }
  | { what: "break_store"; at: BreakAt; heldMs: number };

export type PlannedStep = Step & { atMs: number };

/** GitHub hands run ids out in order, with gaps. */
const RUN_ID_STEP = 7;
const SHORTEST_HANG_MS = 500;
const SHORTEST_PAUSE_MS = 2_000;
/** Around a hang and its end a run completes every so often: from, to. */
const DENSE_MS = [100, 400] as const;
const SPARSE_MS = [1_000, 2_500] as const;
const DENSE_BEFORE_MS = 500;
/** The active endpoint is replaced within this time. */
const DENSE_AFTER_MS = 4_500;
const DENSE_AFTER_WAKING_MS = 1_500;
/** A run that announces itself is announced this long before it completes, and before the next run does. */
const REQUESTED_BEFORE_MS = 60;

const KINDS = { success: 86, failure: 5, fork: 4, other_branch: 5 } as const;

/** Draws the whole schedule from the seed. */
export function drawHangPlan(options: HangPlanOptions): HangPlan {
  const random = new Random(options.seed, "hangs");
  const runs = new Random(options.seed, "runs");
  const plan: HangPlan = { failover: drawFailover(random), runs: [], steps: [] };
  // The first runs meet a calm host, and set the marks.
  let now = 1_000;
  for (let number = 1; number <= options.hangs; number++) {
    const { steps, endMs } = drawHang(random, number, now + DENSE_BEFORE_MS, options);
    plan.steps.push(...steps);
    drawRuns(runs, plan, steps[0] as HangStep, { fromMs: now, toMs: endMs });
    now = endMs;
  }
  plan.steps.push({ what: "lag", logMs: 0, runsMs: 0, atMs: now + options.longestLateMs });
  // The controller looks at GitHub's log after a switchover, and else once a minute.
  plan.steps.push({ what: "switchover", to: "other", atMs: now + options.longestLateMs });
  plan.steps.sort((a, b) => a.atMs - b.atMs);
  return plan;
}

type HangStep = Extract<PlannedStep, { what: "hang" }>;

function drawFailover(random: Random): HangPlan["failover"] {
  return {
    failover_threshold: random.pick([3, 5]),
    // Where few checks have to succeed, a hung endpoint recovers soon.
    ...(random.chance(0.5)
      ? { min_success_rate: 95, recovery_success_rate: 98 }
      : { min_success_rate: 10, recovery_success_rate: 20 }),
  };
}

/** A hang and what goes wrong around it; the hang is the first of the steps. */
function drawHang(random: Random, number: number, atMs: number, options: HangPlanOptions) {
  const forMs = random.integer(SHORTEST_HANG_MS, options.longestHangMs);
  const wakesMs = atMs + forMs;
  const endMs = wakesMs + random.integer(SHORTEST_PAUSE_MS, options.longestPauseMs);
  const whom = random.weighted({ active: 3, other: 1 });
  const steps: PlannedStep[] = [{ what: "hang", number, whom, forMs, atMs }];
  const sometimes = (probability: number, fromMs: number, toMs: number, step: () => Step) => {
    const at = random.integer(fromMs, toMs);
    const drawn = step();
    if (random.chance(probability)) steps.push({ ...drawn, atMs: at });
  };
  sometimes(0.2, atMs + 50, atMs + 400, () => ({ what: "switchover", to: "other" }));
  sometimes(0.2, wakesMs, endMs, () => ({ what: "switchover", to: "other" }));
  sometimes(0.4, atMs, endMs, () => ({ what: "unpin" }));
  sometimes(0.1, atMs, wakesMs, () => ({ what: "kill", whom: random.pick(["active", "other"]) }));
  sometimes(0.3, wakesMs, endMs, () => ({ what: "kill", whom: random.pick(["active", "other"]) }));
  sometimes(0.3, atMs, atMs + 3_000, () => ({
    what: "lose_patch_answers",
    forMs: random.integer(1_000, 10_000),
  }));
  sometimes(0.1, atMs, atMs + 3_000, () => ({ what: "fail_log", times: 8 }));
  // Lists of GitHub's come from several copies: what one has shown, another one may not show yet.
  const lateMs = () => Math.round(random.pick([0, 0.1, 1]) * random.next() * options.longestLateMs);
  for (const fromMs of [atMs - DENSE_BEFORE_MS, wakesMs])
    sometimes(1, fromMs, fromMs + 3_000, () => ({ what: "lag", logMs: lateMs(), runsMs: lateMs() }));
  for (let count = 0; count < 2; count++)
    sometimes(0.4, atMs - DENSE_BEFORE_MS, endMs, () => ({
      what: "break_store",
      at: random.weighted({ insert: 4, commit: 2, all: 1 }),
      heldMs: random.integer(200, 6_000),
    }));
  return { steps, endMs };
}

function drawRuns(
  random: Random,
  plan: HangPlan,
  hang: HangStep,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): void {
  const wakesMs = hang.atMs + hang.forMs;
  for (let atMs = fromMs; atMs < toMs; ) {
    const [repository = "", branch = ""] = random.weighted(SOURCES).split(" ");
    const kind = random.weighted(KINDS);
    const run: PlannedRun = {
      id: FIRST_RUN_ID + plan.runs.length * RUN_ID_STEP,
      guid: random.uuid(),
      repository,
      branch: kind === "other_branch" ? "feature" : branch,
      kind,
      targets:
        kind === "success"
          ? TARGETS.filter((t) => t.repository === repository && t.branch === branch).map(({ name }) => name)
          : [],
    };
    plan.runs.push(run);
    if (random.chance(0.2))
      plan.steps.push({ what: "run", action: "requested", run, atMs: atMs - REQUESTED_BEFORE_MS });
    plan.steps.push({ what: "run", action: "completed", run, atMs });
    const dense =
      (atMs < hang.atMs + DENSE_AFTER_MS && atMs < wakesMs + DENSE_AFTER_WAKING_MS) ||
      (atMs >= wakesMs && atMs < wakesMs + DENSE_AFTER_WAKING_MS);
    const [least, most] = dense ? DENSE_MS : SPARSE_MS;
    atMs += random.integer(least, most);
  }
}

/** A step in words; a run is not worth a line of its own. */
export function describeStep(step: Step): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const { what } = step;
  if (what === "hang") return `the ${step.whom} instance hangs for ${seconds(step.forMs)}`;
  if (what === "kill") return `the ${step.whom} instance is killed`;
  if (what === "switchover") return `switchover to the ${step.to} instance`;
  if (what === "unpin") return "the switchover ends";
  if (what === "lose_patch_answers") return `answers to PATCH are lost for ${seconds(step.forMs)}`;
  if (what === "fail_log") return `the delivery log answers 502, ${step.times} times`;
  if (what === "break_store")
    return `the store breaks: PostgreSQL at ${step.at}, SQLite locked for ${seconds(step.heldMs)}`;
  if (what === "lag")
    return `GitHub's log is ${seconds(step.logMs)} late, its list of runs ${seconds(step.runsMs)}`;
  const { id, repository, branch, kind } = step.run;
  return `run ${id} of ${repository} ${branch} (${kind}) is ${step.action}`;
}
