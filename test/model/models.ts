import { type Explored, explore, type Model } from "./explorer.ts";
import { leaseModel } from "./lease-model.ts";
import { queueModel } from "./queue-model.ts";
import { switchModel } from "./switch-model.ts";

/** A model, how far it is explored, and the wrong rules that it must find when they are planted. */
export interface Case {
  /** What is driven through all interleavings, and within which bounds. */
  title: string;
  /** The most states: in `npm test`, and in `npm run model`. */
  mostStates: { short: number; long: number };
  /** At least so many are reached in `npm test`. */
  floor: number;
  // biome-ignore lint/suspicious/noExplicitAny: each model has states of its own
  make: () => Promise<Model<any>>;
  planted: {
    fault: string;
    // biome-ignore lint/suspicious/noExplicitAny: as above
    make: () => Promise<Model<any>>;
  }[];
}

const planted = <const F extends string>(
  faults: readonly F[],
  // biome-ignore lint/suspicious/noExplicitAny: as above
  make: (fault: F) => Promise<Model<any>>,
) => faults.map((fault) => ({ fault, make: () => make(fault) }));

/** No planted rule needs more states to be found. */
const MOST_TO_FIND = 30_000;
const TWO_RUNS = { hosts: ["h", "h"], runs: 2, starts: 2, holds: 1 } as const;
const TWO_HOSTS = { hosts: ["h", "i"], runs: 1, queue: "latest", starts: 1, holds: 0 } as const;
const ONE_RUNNER = { hosts: ["h"], runs: 2, queue: "all", starts: 2, holds: 1 } as const;
const RETURNS = { takes: 3, pins: 1, failures: 0, passes: 0 };

export const CASES: Case[] = [
  {
    title: "lease and fence: 2 instances of a host, each started once",
    mostStates: { short: 5_000, long: 150_000 },
    floor: 5_000,
    make: () => leaseModel(["h", "h"], { starts: 1 }),
    planted: planted(
      [
        "no fence",
        "the time counts from the answer",
        "the replacement does not compare the beat",
        "a write checks no token",
      ],
      (fault) => leaseModel(["h", "h"], { starts: 1, fault }),
    ),
  },
  {
    title: "lease and fence: 3 instances on 2 hosts, each started twice",
    mostStates: { short: 3_000, long: 150_000 },
    floor: 3_000,
    make: () => leaseModel(["h", "h", "i"]),
    planted: [],
  },
  {
    title: "switch of the URL: 2 instances, the lease goes over 3 times, 1 decision",
    mostStates: { short: 400, long: 5_000 },
    floor: 400,
    make: () => switchModel(["x", "y"], { bounds: RETURNS }),
    planted: planted(["a stale controller writes", "a decision outlives its lease"], (fault) =>
      switchModel(["x", "y"], { bounds: RETURNS, calmEvery: 5, fault }),
    ),
  },
  {
    title: "switch of the URL: 2 instances, 2 decisions, 2 calls to GitHub fail",
    mostStates: { short: 300, long: 5_000 },
    floor: 300,
    make: () => switchModel(["x", "y"], { bounds: { takes: 2, pins: 2, failures: 2, passes: 1 } }),
    planted: [],
  },
  {
    title: "claims: 2 runners of a host, queue: latest, 2 runs, 1 hold",
    mostStates: { short: 1_000, long: 30_000 },
    floor: 1_000,
    make: () => queueModel({ ...TWO_RUNS, queue: "latest" }),
    planted: planted(["leftovers are not ended", "the hold ends too early"], (fault) =>
      queueModel({ ...TWO_RUNS, queue: "latest", runs: 1, fault }),
    ),
  },
  {
    title: "claims: 2 hosts, 1 run, all",
    mostStates: { short: 1_000, long: 30_000 },
    floor: 1_000,
    make: () => queueModel(TWO_HOSTS),
    planted: planted(
      [
        "a result is written without its token",
        "a runner does not look at the lease of another host",
        "a late claim is not renewed",
      ],
      (fault) => queueModel({ ...TWO_HOSTS, fault }),
    ),
  },
  {
    title: "order and hold: 1 runner, queue: all, 2 runs, 1 hold",
    mostStates: { short: 1_000, long: 30_000 },
    floor: 200,
    make: () => queueModel(ONE_RUNNER),
    planted: planted(["an old run is not superseded"], (fault) =>
      queueModel({ ...ONE_RUNNER, starts: 1, holds: 0, fault }),
    ),
  },
  {
    title: "claims: 3 runners on 2 hosts, queue: all, 3 runs, 1 hold",
    mostStates: { short: 500, long: 30_000 },
    floor: 500,
    make: () => queueModel({ hosts: ["h", "h", "i"], runs: 3, queue: "all", starts: 2, holds: 1 }),
    planted: [],
  },
];

export async function exploreCase({ make, mostStates }: Case, bound: "short" | "long"): Promise<Explored> {
  return explore(await make(), { mostStates: mostStates[bound] });
}

export async function findPlanted(fault: Case["planted"][number]): Promise<Explored> {
  return explore(await fault.make(), { mostStates: MOST_TO_FIND });
}
