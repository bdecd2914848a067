import type { Clock } from "../../app/clock.ts";

/** A clock that stands still until it is moved; `jump` moves the wall clock alone. */
export class ManualClock implements Clock {
  ms = 0;
  jump = 0;
  now = () => this.ms + this.jump;
  monotonic = () => this.ms;
  sleep = () => Promise.reject(new Error("nobody sleeps here"));
}
