import type { Clock } from "../clock.ts";

/** Whether an instance reaches GitHub. `away`: GitHub is unreachable. `unknown`: not probed lately. */
export type Reach = "unknown" | "reached" | "away";

/** The least time between two probes, and how long a probe's result counts. */
const TRY_MS = 2_000;
const COUNTS_MS = 10_000;
/** The least time between two calls of `onOtherAway`. */
const SAY_MS = 5_000;
/** How often a bare connection to GitHub is tried. */
const WATCH_MS = 5_000;

/**
 * Knows which instances reach GitHub. After a failed call each instance probes GitHub, and tells the others in its
 * heartbeats. A controller that cannot reach GitHub gives up control if another instance reaches it.
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
   * `probe` resolves to whether GitHub answers. `connectable` resolves to whether a connection can be made; it is tried
   * every 5 s. `onOtherAway` is called every few seconds while another instance says that GitHub is unreachable from
   * there: GitHub's deliveries to it may fail.
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

  /** Whether this instance reaches GitHub. While GitHub is unreachable, each call probes again. */
  get own(): Reach {
    if (this.#own === "away") this.doubt();
    return this.#clock.monotonic() - this.#triedAt > COUNTS_MS ? "unknown" : this.#own;
  }

  /** Whether another instance reaches GitHub while this one does not. */
  get onlyElsewhere(): boolean {
    return this.own === "away" && [...this.#others.values()].includes("reached");
  }

  /** Probes GitHub: something suggests that it may be unreachable. */
  doubt(): void {
    const now = this.#clock.monotonic();
    if (now - this.#triedAt < TRY_MS) return;
    this.#triedAt = now;
    void this.#probe().then((reached) => {
      // A failed probe says nothing if this process stood still meanwhile.
      const stoodStill = this.#clock.monotonic() - now > COUNTS_MS;
      if (reached || !stoodStill) this.#own = reached ? "reached" : "away";
    });
  }

  /** Takes note of another instance's reach; undefined if its link is lost, or its release does not send it. */
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
