import { HelperProcess } from "./helper-process.ts";
import type { LoadJob, LoadResult } from "./load-process.ts";
import { planEvents } from "./payload.ts";
import type { Subject } from "./subjects/subject.ts";

export const CONNECTIONS = 16;
/** More than any subject here takes in a second; each costs a signature before the clock starts. */
const FRESH_RUNS_PER_SECOND = 6_000;

/** How much of what to send. */
export interface Load {
  /** Every how many events one is of a new run; 0: none is. */
  freshRunEvery: number;
  /** Whichever is given: for how long, or how many. */
  seconds?: number;
  events?: number;
}

/** Sends events from a process of its own, from 16 connections. */
export class LoadGenerator {
  #process = new HelperProcess<LoadJob, LoadResult>(new URL("./load-process.ts", import.meta.url));

  /** @throws {Error} when anything was not accepted: what a subject refuses must not count as speed. */
  async run(subject: Subject, { freshRunEvery, seconds, events }: Load): Promise<LoadResult> {
    const most = events ?? (seconds ?? 0) * FRESH_RUNS_PER_SECOND;
    const freshRuns = freshRunEvery === 0 ? 0 : Math.ceil(most / freshRunEvery) + CONNECTIONS;
    const result = await this.#process.ask({
      plan: planEvents(subject.entrance, freshRunEvery, freshRuns),
      connections: CONNECTIONS,
      freshRuns,
      seconds: seconds ?? null,
      events: events ?? null,
    });
    if (result.refused > 0)
      throw new Error(`${subject.name} refused ${result.refused} events (status ${result.refusal})`);
    return result;
  }

  close(): void {
    this.#process.close();
  }
}
