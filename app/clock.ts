import { setTimeout as sleep } from "node:timers/promises";

/** Time as the whole App sees it; tests put one of their own in its place. */
export interface Clock {
  /** Milliseconds since the epoch, on this machine's wall clock. */
  now(): number;
  /** Milliseconds that only ever grow; their start means nothing. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with an AbortError as soon as `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal ? { signal } : {});
  },
};

/** A time of the store (milliseconds) as the API writes it: ISO 8601 in UTC. */
export function isoTime(ms: number): string;
export function isoTime(ms: number | null): string | null;
export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
