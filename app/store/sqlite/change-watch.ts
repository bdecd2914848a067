/** Commits of an older release notify nobody. So any commit counts as a change after this time. */
const UNTOLD_MS = 10_000;

/** The counters of an SQLite file that a watch reads. */
export type Counter = "data_version" | "user_version";

/**
 * Finds out whether other connections have changed a database. Only commits that notify count, as on PostgreSQL: the
 * instances themselves commit every second, to renew a lease or to prove that they can.
 */
export class ChangeWatch {
  #read: (counter: Counter) => unknown;
  /** The counters at the last check. */
  #seen: { version: unknown; notified: unknown } | undefined;
  #toldAt = 0;
  /** Whether there was a commit since a change was last reported. */
  #untold = false;

  constructor(read: (counter: Counter) => unknown) {
    this.#read = read;
  }

  /** Whether there was a change since the last call. The first call says so: there may have been one before. */
  check(): boolean {
    // Changes exactly when another connection committed: https://www.sqlite.org/pragma.html#pragma_data_version
    const version = this.#read("data_version");
    const seen = this.#seen;
    const isNew = version !== seen?.version;
    if (!isNew && !this.#untold) return false;
    this.#untold = true;
    const notified = isNew ? this.#read("user_version") : seen?.notified;
    const now = performance.now();
    this.#seen = { version, notified };
    if (seen && notified === seen.notified && now - this.#toldAt < UNTOLD_MS) return false;
    this.#toldAt = now;
    this.#untold = false;
    return true;
  }

  /** Another file has been opened: the next check counts as a change. */
  reset(): void {
    this.#seen = undefined;
  }
}

/** Counts notifications in `user_version`, which SQLite leaves to its users. Returns the next value. */
export function nextNotification(userVersion: unknown): number {
  return (Number(userVersion) + 1) % 2 ** 31;
}
