import { formatDuration } from "../../shared/format-duration.ts";

/** The job was cancelled: the runner sent this signal. */
export class Stopped extends Error {
  override readonly name = "Stopped";
  readonly signal: NodeJS.Signals;
  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/** The time limit of the whole step has passed. */
export class TimeUp extends Error {
  override readonly name = "TimeUp";
  readonly timeoutMs: number;
  constructor(timeoutMs: number) {
    super(`the time limit of ${formatDuration(timeoutMs)} has passed`);
    this.timeoutMs = timeoutMs;
  }
}
