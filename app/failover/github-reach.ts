import type { Clock } from "../clock.ts";

/** Whether an instance can reach GitHub: `unknown` while nobody has had a reason to ask. */
export type Reach = "unknown" | "reached" | "away";

/** How soon GitHub is tried again, and for how long an answer counts. */
const TRY_MS = 2_000;
const COUNTS_MS = 10_000;
/** How often it is said that another one does not reach it. */
const SAY_MS = 5_000;
/** How often it is looked whether GitHub can be reached at all. */
const WATCH_MS = 5_000;

/**
 * Who reaches GitHub, when a call to it has failed: then the instances try it, and tell each other in their
 * heartbeats. A controller that alone is cut off from GitHub should leave its place to one that is not.
 */
export class GitHubReach {
  #clock: Clock;
  #probe: () => Promise<boolean>;
  #own: Reach = "unknown";
  #triedAt = Number.NEGATIVE_INFINITY;
  #others = new Map<string, Reach>();
  #connectable: () => Promise<boolean>;
  #onOtherAway: () => void;
  #watch: NodeJS.Timeout | undefined;
  #saidAt = Number.NEGATIVE_INFINITY;

  /**
   * `probe` resolves to whether GitHub answers, `connectable` to whether it can be reached at all, which is asked
   * all the time. `onOtherAway` is called every few seconds while another instance says that it is away: what
   * GitHub sends there may fail.
   */
  constructor(options: {
    clock: Clock;
    probe: () => Promise<boolean>;
    connectable: () => Promise<boolean>;
    onOtherAway: () => void;
  }) {
    this.#clock = options.clock;
    this.#connectable = options.connectable;
    this.#probe = options.probe;
    this.#onOtherAway = options.onOtherAway;
  }

  start(): void {
    this.#watch = setInterval(() => {
      void this.#connectable().then((made) => made || this.doubt());
    }, WATCH_MS);
  }

  close(): void {
    clearInterval(this.#watch);
  }

  /** What this instance says of itself; it goes on trying for as long as GitHub is away. */
  get own(): Reach {
    if (this.#own === "away") this.doubt();
    return this.#clock.monotonic() - this.#triedAt > COUNTS_MS ? "unknown" : this.#own;
  }

  /** Whether another instance reaches GitHub, which this one does not. */
  get onlyElsewhere(): boolean {
    return this.own === "away" && [...this.#others.values()].includes("reached");
  }

  /** Something suggests that GitHub may be out of reach. */
  doubt(): void {
    const now = this.#clock.monotonic();
    if (now - this.#triedAt < TRY_MS) return;
    this.#triedAt = now;
    void this.#probe().then((reached) => {
      // A process that stood still during the probe learned nothing from it.
      const stoodStill = this.#clock.monotonic() - now > COUNTS_MS;
      if (reached || !stoodStill) this.#own = reached ? "reached" : "away";
    });
  }

  /** What another instance says; undefined when it cannot be heard any more, or is too old to say it. */
  heard(name: string, reach: Reach | undefined): void {
    if (reach === undefined) this.#others.delete(name);
    else this.#others.set(name, reach);
    if (reach !== "away") return;
    this.doubt();
    const now = this.#clock.monotonic();
    if (now - this.#saidAt < SAY_MS) return;
    this.#saidAt = now;
    this.#onOtherAway();
  }
}
