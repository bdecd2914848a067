import { describe, expect, it } from "vitest";
import { type ContentPace, contentWait, paused, spent } from "../../../app/queue/content-pace.ts";

const IDLE: ContentPace = { calls: [], pausedUntil: 0, pauses: 0 };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Sends as much as may be sent in so long, a call at a time. */
function sendAll(forMs: number, onTheWay: boolean): number[] {
  let pace = IDLE;
  const sent: number[] = [];
  for (let now = 0; now < forMs; ) {
    const wait = contentWait(pace, { now, cost: 1, onTheWay, limited: true });
    now += wait;
    if (wait > 0) continue;
    pace = spent(pace, now, 1);
    sent.push(now);
    now += 10;
  }
  return sent;
}

/** The most that any time of this length holds. */
function most(sent: readonly number[], windowMs: number): number {
  return Math.max(...sent.map((from) => sent.filter((at) => at >= from && at < from + windowMs).length));
}

describe("calls that make new content", () => {
  it("stay below what GitHub takes in any minute and hour, and come close to it", () => {
    const sent = sendAll(3 * HOUR_MS, false);
    expect(most(sent, MINUTE_MS)).toBe(70);
    expect(most(sent, HOUR_MS)).toBe(450);
  });

  it("for states on the way leave half of what GitHub takes to the ends", () => {
    expect(most(sendAll(HOUR_MS, true), HOUR_MS)).toBe(225);
  });

  it("wait for nothing where GitHub sets no limits, but for a pause that it asked for", () => {
    const busy = { ...IDLE, calls: Array.from({ length: 1_000 }, () => 0) };
    const asked = { now: 1, cost: 2, onTheWay: true, limited: false };
    expect(contentWait(busy, asked)).toBe(0);
    expect(contentWait(paused(busy, 1, 5_000), asked)).toBe(5_000);
  });

  it("pause as long as GitHub asks, else a minute, and longer each time", () => {
    let pace = paused(IDLE, 0, 7_000);
    expect(pace.pausedUntil).toBe(7_000);
    pace = paused(IDLE, 0, null);
    expect(pace.pausedUntil).toBe(MINUTE_MS);
    pace = paused(pace, MINUTE_MS, null);
    expect(pace.pausedUntil).toBe(3 * MINUTE_MS);
  });

  it("are kept no longer than a limit needs them, and still have to wait for the right one", () => {
    let pace = IDLE;
    for (let at = 1; at <= 2_000; at++) pace = spent(pace, at, 1);
    expect(pace.calls).toHaveLength(450);
    const wait = contentWait(pace, { now: MINUTE_MS * 10, cost: 2, onTheWay: false, limited: true });
    expect(wait).toBe(1_552 + HOUR_MS - MINUTE_MS * 10);
  });

  it("are no longer counted once they are an hour old, and those of a clock set back are of now", () => {
    const pace = { ...IDLE, calls: [0, HOUR_MS, 3 * HOUR_MS] };
    expect(spent(pace, HOUR_MS + 1, 1).calls).toEqual([HOUR_MS, HOUR_MS + 1, HOUR_MS + 1]);
  });
});
