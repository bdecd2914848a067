import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { NotControllerError } from "../failover/controller-lease.ts";
import { classifyGitHubError } from "../github/github-error.ts";

/** After a failure it is tried again this soon, then after twice the time, and so on. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;
/** What is due within this time is done along with what is due now. */
const TOGETHER_MS = 1_000;

/** Something that is done again and again. */
export interface Task {
  name: string;
  /** From one beginning to the next. */
  everyMs: number;
}

interface Schedule {
  dueAt: number;
  /** GitHub asked to be left alone until then. */
  notBefore: number;
  failures: number;
}

/**
 * Does tasks again and again: at once when asked, and as long after their last beginning as they say. What is
 * due is done together, one round at a time, and only while `canRun` says so. Who fails is tried again soon, and
 * when GitHub said a time, not before it.
 */
export class Scheduler<T extends Task> {
  #canRun: () => boolean;
  #work: (due: T[], signal: AbortSignal) => Promise<ReadonlyMap<T, unknown>>;
  #clock: Clock;
  #log: Logger;
  #onRetry: () => void;
  #schedules: Map<T, Schedule>;
  #abort = new AbortController();
  #nap: AbortController | undefined;
  #running: Promise<void> | undefined;
  /** Who waits for which tasks to be done. */
  #asked: { left: Set<T>; resolve: () => void }[] = [];

  /** `work` returns the tasks that failed, with their errors; if it throws, all of them did. */
  constructor(options: {
    tasks: readonly T[];
    work: (due: T[], signal: AbortSignal) => Promise<ReadonlyMap<T, unknown>>;
    canRun: () => boolean;
    clock: Clock;
    log: Logger;
    /** Called when a task that failed is to be tried again. */
    onRetry?: () => void;
  }) {
    this.#onRetry = options.onRetry ?? (() => {});
    this.#canRun = options.canRun;
    this.#work = options.work;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#schedules = new Map(
      options.tasks.map((task) => [task, { dueAt: Number.POSITIVE_INFINITY, notBefore: 0, failures: 0 }]),
    );
  }

  /**
   * Does these now, or right after what is being done. The first call begins it all. Resolves when each has been
   * done from beginning to end since; never, when this is closed before.
   */
  runNow(tasks: readonly T[] = [...this.#schedules.keys()]): Promise<void> {
    const now = this.#clock.monotonic();
    for (const task of tasks) this.#schedule(task).dueAt = now;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asked.push({ left: new Set(tasks), resolve });
    if (!this.#running) this.#next();
    return promise;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  #schedule(task: T): Schedule {
    return this.#schedules.get(task) as Schedule;
  }

  #next(): void {
    this.#nap?.abort();
    if (this.#abort.signal.aborted) return;
    const now = this.#clock.monotonic();
    const pause = Math.min(...[...this.#schedules.values()].map(startOf)) - now;
    if (pause > 0) this.#sleep(pause);
    else if (!this.#canRun()) this.#sleep(LONGEST_PAUSE_MS);
    else {
      const due = [...this.#schedules].filter(([, schedule]) => startOf(schedule) - now <= TOGETHER_MS);
      this.#running = this.#round(due.map(([task]) => task)).finally(() => {
        this.#running = undefined;
        this.#next();
      });
    }
  }

  #sleep(ms: number): void {
    const nap = new AbortController();
    this.#nap = nap;
    void this.#clock.sleep(ms, AbortSignal.any([nap.signal, this.#abort.signal])).then(
      () => {
        if (this.#nap === nap && !this.#running) this.#next();
      },
      () => {},
    );
  }

  async #round(due: T[]): Promise<void> {
    // Only once `#running` is set, so that being asked by the work itself begins no second round beside it.
    await null;
    if (this.#abort.signal.aborted) return;
    const begun = this.#clock.monotonic();
    const asked = [...this.#asked];
    // Before the work, so that being asked meanwhile makes it due again.
    for (const task of due) this.#schedule(task).dueAt = begun + task.everyMs;
    let failed: ReadonlyMap<T, unknown>;
    try {
      failed = await this.#work(due, this.#abort.signal);
    } catch (error) {
      failed = new Map(due.map((task) => [task, error]));
    }
    if (this.#abort.signal.aborted) return;
    for (const task of due) {
      const schedule = this.#schedule(task);
      if (failed.has(task)) this.#postpone(task, schedule, failed.get(task));
      else {
        schedule.failures = 0;
        for (const { left } of asked) left.delete(task);
      }
    }
    for (const { left, resolve } of asked) if (left.size === 0) resolve();
    this.#asked = this.#asked.filter(({ left }) => left.size > 0);
  }

  #postpone(task: T, schedule: Schedule, error: unknown): void {
    if (error instanceof NotControllerError) return;
    const now = this.#clock.monotonic();
    const failure = classifyGitHubError(error, this.#clock.now());
    let pause = Math.min(FIRST_PAUSE_MS * 2 ** schedule.failures, LONGEST_PAUSE_MS);
    if (failure.kind === "rate_limited") {
      pause = Math.max(failure.delayMs, 1_000);
      schedule.notBefore = now + pause;
    } else schedule.failures += 1;
    schedule.dueAt = Math.min(schedule.dueAt, now + pause);
    this.#onRetry();
    const remedy = failure.kind === "refused" ? `; ${failure.remedy}` : "";
    this.#log.warn(`${task.name} is tried again in ${pause} ms: ${(error as Error).message}${remedy}`);
  }
}

function startOf({ dueAt, notBefore }: Schedule): number {
  return Math.max(dueAt, notBefore);
}
