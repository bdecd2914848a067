import type { BreakAt } from "../hang-plan.ts";
import type { Random } from "../random.ts";
import type { Scene } from "./bias.ts";
import { ALL_TARGETS } from "./targets.ts";

/** A process, by its part at the moment of the fault: GitHub's webhook URL names the active instance. */
export type Victim = "active" | "other" | "both" | "supervisor" | "runner" | "command";

/** Something that goes wrong, or that a person does. Times are in milliseconds. */
export type Happening =
  | { what: "kill"; whom: Victim }
  | { what: "freeze"; whom: Victim; forMs: number }
  | { what: "restart" }
  | { what: "github_down"; forMs: number }
  | { what: "github_fails"; status: number; route: string; forMs: number }
  | { what: "github_slow"; ms: number; forMs: number }
  | { what: "rate_limit"; secondary: boolean; forMs: number }
  | { what: "lose_answers"; route: string; forMs: number }
  | { what: "lag"; logMs: number; runsMs: number; forMs: number }
  | { what: "cut_store"; at: BreakAt; forMs: number }
  | { what: "lock_store"; forMs: number }
  | { what: "restart_store"; forMs: number }
  | { what: "hold"; target: string; forMs: number }
  | { what: "switchover"; forMs: number };

/** A happening with its number, by which `--faults` names it. */
export type Fault = Happening & { number: number; atMs: number };

const WEIGHTS: Record<Happening["what"], number> = {
  kill: 26,
  freeze: 26,
  restart: 3,
  github_down: 5,
  github_fails: 5,
  github_slow: 4,
  rate_limit: 4,
  lose_answers: 8,
  lag: 8,
  cut_store: 8,
  lock_store: 6,
  restart_store: 3,
  hold: 6,
  switchover: 5,
};
const VICTIMS: Record<Victim, number> = {
  active: 36,
  other: 16,
  both: 6,
  supervisor: 12,
  runner: 18,
  command: 12,
};
const ROUTES = ["*", "PATCH /app/hook/config", "GET /app/hook/deliveries*", "/repos/*"];
const PAUSE_MS = [1_200, 5_000] as const;
/** Each scene is over before the next one begins. */
const SCENE_PAUSE_MS = [6_000, 9_000] as const;
const PAIRED = 0.4;
const PAIR_WITHIN_MS = 1_500;

/**
 * Draws faults, alone and in pairs, from the time when the first runs are in. With `scenes`, draws from these alone.
 */
export function drawFaults(random: Random, endMs: number, scenes?: readonly Scene[]): Fault[] {
  const faults: Fault[] = [];
  const add = (atMs: number, happening: Happening) =>
    faults.push({ ...happening, number: faults.length + 1, atMs });
  if (scenes?.length === 0) return [];
  const [least, most] = scenes ? SCENE_PAUSE_MS : PAUSE_MS;
  for (let atMs = 4_000; atMs < endMs - 2_000; atMs += random.integer(least, most))
    if (scenes)
      for (const { afterMs = 0, ...happening } of random.pick(scenes)) add(atMs + afterMs, happening);
    else {
      add(atMs, draw(random));
      if (random.chance(PAIRED)) add(atMs + random.integer(0, PAIR_WITHIN_MS), draw(random));
    }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function draw(random: Random): Happening {
  const what = random.weighted(WEIGHTS);
  const forMs = random.integer(200, random.pick([1_000, 6_000]));
  switch (what) {
    case "kill":
      return { what, whom: random.weighted(VICTIMS) };
    case "freeze":
      return {
        what,
        whom: random.weighted(VICTIMS),
        forMs: random.integer(100, random.pick([1_000, 6_000, 15_000])),
      };
    case "restart":
      return { what };
    case "github_fails":
      return { what, status: random.pick([500, 502, 503]), route: random.pick(ROUTES), forMs };
    case "github_slow":
      return { what, ms: random.integer(200, 2_500), forMs };
    case "rate_limit":
      return { what, secondary: random.chance(0.5), forMs };
    case "lose_answers":
      return { what, route: random.pick(ROUTES), forMs };
    case "lag": {
      const lateMs = () => Math.round(random.pick([0, 0.1, 1]) * random.next() * 20_000);
      return { what, logMs: lateMs(), runsMs: lateMs(), forMs: 2 * forMs };
    }
    case "cut_store":
      return { what, at: random.weighted({ insert: 3, commit: 5, all: 2 }), forMs };
    case "hold":
      return { what, target: random.pick(ALL_TARGETS).name, forMs: 2 * forMs };
    default:
      return { what, forMs };
  }
}

/** A fault in words. */
export function describe(fault: Fault): string {
  const { number, atMs, what, ...rest } = fault;
  const details = Object.entries(rest).map(([key, value]) => `${key} ${value}`);
  return `${(atMs / 1000).toFixed(1)} s  fault ${number}: ${[what, ...details].join(", ")}`;
}
