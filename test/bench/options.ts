import { parseArgs } from "node:util";

export const PARTS = [
  "accepts",
  "claims",
  "trigger",
  "memory",
  "idle",
  "failover",
  "action",
  "dashboard",
] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  /** How long each subject is loaded in each round. */
  seconds: number;
  rounds: number;
  /** How many events the trigger time is measured with, per subject. */
  samples: number;
  /** How long an idle pair is watched. */
  idleSeconds: number;
  /** How often the active instance is killed, and how often it is frozen. */
  kills: number;
  freezes: number;
  /** How often the Action is run in each situation. */
  steps: number;
  parts: readonly Part[];
  /** The commit whose build is measured beside this one; null for none. */
  against: string | null;
  json: boolean;
}

const USAGE = `Usage: npm run bench -- [options]

  --only PART     accepts, claims, trigger, memory, idle, failover, action or dashboard; may be given several times
                  (default: all)
  --seconds N     accepts, dashboard: how long each subject is loaded per round (default 3)
  --rounds N      accepts, claims, dashboard: how many rounds of all subjects, one after the other (default 5)
  --samples N     trigger: how many events per subject (default 60)
  --idle N        idle: how many seconds an idle pair is watched (default 60)
  --kills N       failover: how often the active instance is killed (default 20)
  --freezes N     failover: how often it is frozen (default 10)
  --steps N       action: how often it is run in each situation (default 10)
  --against COMMIT  accepts, trigger and memory: measures the build of that commit in the same run, and compares
  --json          print the results as JSON on standard output, and nothing else there
  --help          this text

The stores lie in the folder for temporary files; TMPDIR=… names another one. It must be on a disk.`;

/**
 * Reads the command line; null when only help was asked for, which is then printed.
 * @throws {TypeError} when it cannot be understood.
 */
export function readOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true },
      seconds: { type: "string", default: "3" },
      rounds: { type: "string", default: "5" },
      samples: { type: "string", default: "60" },
      idle: { type: "string", default: "60" },
      kills: { type: "string", default: "20" },
      freezes: { type: "string", default: "10" },
      steps: { type: "string", default: "10" },
      against: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return null;
  }
  return {
    seconds: positive("--seconds", values.seconds),
    rounds: Math.ceil(positive("--rounds", values.rounds)),
    samples: Math.ceil(positive("--samples", values.samples)),
    idleSeconds: positive("--idle", values.idle),
    kills: Math.ceil(positive("--kills", values.kills)),
    freezes: Math.ceil(positive("--freezes", values.freezes)),
    steps: Math.ceil(positive("--steps", values.steps)),
    parts: values.only?.map(part) ?? PARTS,
    against: values.against ?? null,
    json: values.json,
  };
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new TypeError(`${option}: expected a number above 0, got ${JSON.stringify(text)}`);
}

function part(text: string): Part {
  const found = PARTS.find((name) => name === text);
  if (found) return found;
  throw new TypeError(`--only: expected ${PARTS.join(", ")}, got ${JSON.stringify(text)}`);
}
