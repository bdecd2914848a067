import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { NotControllerError } from "../failover/controller-lease.ts";
import { classifyGitHubError } from "../github/github-error.ts";

/** The pause after a task's first failure. It doubles with each further one. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;
/** Tasks that are due within this time run together with those that are due now. */
const TOGETHER_MS = 1_000;

/** A task that runs again and again. */
export interface Task {
  name: string;
  /** The time from one start to the next (ms). */
  everyMs: number;
}

interface Schedule {
  dueAt: number;
  /** The task must not start before: GitHub asked to wait until then. */
  notBefore: number;
  failures: number;
}

/**
 * Runs tasks by schedule: each `everyMs` after its last start, and at once on `runNow`. Due tasks run together, one
 * round at a time, and only while `canRun` returns true. A failed task is retried soon, but not before a time that
 * GitHub named.
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
  /** The pending calls of `runNow`, each with the tasks that it still waits for. */
  #asked: { left: Set<T>; resolve: () => void }[] = [];

  /** `work` returns the failed tasks with their errors. If it throws, all tasks of the round failed. */
  constructor(options: {
    tasks: readonly T[];
    work: (due: T[], signal: AbortSignal) => Promise<ReadonlyMap<T, unknown>>;
    canRun: () => boolean;
    clock: Clock;
    log: Logger;
    /** Called when a task has failed and will be retried. */
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
   * Runs these tasks now, or right after the round under way. The first call starts the schedule. Resolves when each
   * has run successfully from start to end since the call; never if the scheduler is closed before.
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
    // Wait until `#running` is set: the work itself may call `runNow`, and must not start a second round.
    await null;
    if (this.#abort.signal.aborted) return;
    const begun = this.#clock.monotonic();
    const asked = [...this.#asked];
    // Before the work, so that a `runNow` meanwhile makes the task due again.
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
    const pauseS = Math.ceil(pause / 1000);
    this.#log.warn(`${task.name} failed, retry in ${pauseS} s: ${(error as Error).message}${remedy}`);
  }
}

function startOf({ dueAt, notBefore }: Schedule): number {
  return Math.max(dueAt, notBefore);
}
