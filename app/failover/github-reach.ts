import type { Clock } from "../clock.ts";

/** Whether an instance can reach GitHub: `unknown` while nobody has had a reason to ask. */
export type Reach = "unknown" | "reached" | "away";

/** How soon GitHub is tried again, and for how long an answer counts. */
const TRY_MS = 2_000;
const COUNTS_MS = 10_000;

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

  /** `probe` resolves to whether GitHub answers. */
  constructor({ clock, probe }: { clock: Clock; probe: () => Promise<boolean> }) {
    this.#clock = clock;
    this.#probe = probe;
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
      this.#own = reached ? "reached" : "away";
    });
  }

  /** What another instance says; undefined when it cannot be heard any more, or is too old to say it. */
  heard(name: string, reach: Reach | undefined): void {
    if (reach === "away") this.doubt();
    if (reach === undefined) this.#others.delete(name);
    else this.#others.set(name, reach);
  }
}
