import type { Clock } from "../clock.ts";
import type { ProcessState } from "../run/process-identity.ts";
import type { Thresholds } from "./health-window.ts";

/** The time between two checks of the processes: usually, and while one of them is stopped. */
const CHECK_MS = 200;
const SUSPECT_CHECK_MS = 50;
/** A check that comes later than this shows that this process itself stood still. Such a check judges nobody. */
const LATE_MS = 250;
/** A process closes its sockets a moment before it is gone. It is checked this often, and this many times. */
const END_CHECK_MS = 2;
const END_CHECKS = 25;

/**
 * How long a process may be stopped (ms). Its checks would fail one by one until the threshold. The kernel says at once
 * that it cannot answer, so a fifth of that time is enough.
 */
export function stopLimit(thresholds: Thresholds): number {
  const { health_check_timeout, health_check_interval, failover_threshold } = thresholds;
  return (health_check_timeout + (failover_threshold - 1) * health_check_interval) / 5;
}

export interface ProcessWatchOptions {
  /** The other instances. */
  names: readonly string[];
  thresholds: Thresholds;
  clock: Pick<Clock, "monotonic">;
  /** What the kernel says of an instance's process; undefined where it says nothing: on another host. */
  stateOf: (name: string) => ProcessState | undefined;
  /** Called at each check while the process is stopped for longer than allowed. */
  onStopped: (name: string, reason: string) => void;
  /** The process has ended after its link was lost. */
  onGone: (name: string) => void;
}

/**
 * Watches the processes of the other instances of this host by what the kernel says of them. A busy process is never
 * stopped, so a slow machine causes no false alarm. A check costs some microseconds.
 */
export class ProcessWatch {
  #o: ProcessWatchOptions;
  /** Since when each process has been seen to be stopped (ms, monotonic). */
  #stopped = new Map<string, number>();
  #checkedAt: number;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ProcessWatchOptions) {
    this.#o = options;
    this.#checkedAt = options.clock.monotonic();
  }

  start(): void {
    this.#timer = setTimeout(
      () => {
        this.check();
        if (!this.#closed) this.start();
      },
      this.#stopped.size > 0 ? SUSPECT_CHECK_MS : CHECK_MS,
    );
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Checks every process now. */
  check(): void {
    const now = this.#o.clock.monotonic();
    if (now - this.#checkedAt > LATE_MS) this.#stopped.clear();
    this.#checkedAt = now;
    for (const name of this.#o.names) {
      if (this.#o.stateOf(name) !== "stopped") this.#stopped.delete(name);
      else if (!this.#stopped.has(name)) this.#stopped.set(name, now);
      else if (this.#isTooLong(name, now))
        this.#o.onStopped(name, "its process is stopped (SIGSTOP), and answers nothing");
    }
  }

  /** Whether the process is stopped at this moment, and has been for longer than allowed. */
  isStopped(name: string): boolean {
    const now = this.#o.clock.monotonic();
    return (
      now - this.#checkedAt <= LATE_MS && this.#isTooLong(name, now) && this.#o.stateOf(name) === "stopped"
    );
  }

  /** The link to the instance is lost: checks whether its process ends. */
  lost(name: string, checks = END_CHECKS): void {
    if (this.#closed) return;
    if (this.#o.stateOf(name) === "gone") this.#o.onGone(name);
    else if (checks > 0) setTimeout(() => this.lost(name, checks - 1), END_CHECK_MS).unref();
  }

  #isTooLong(name: string, now: number): boolean {
    const since = this.#stopped.get(name);
    return since !== undefined && now - since >= stopLimit(this.#o.thresholds);
  }
}
