import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MissedDeliveries } from "../../../app/failover/queue-hold.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what GitHub could not deliver is looked for at once, and when what hung at the old endpoint is given up", () => {
  const look = vi.fn();
  const missed = new MissedDeliveries(look);
  missed.switched();
  expect(look).toHaveBeenCalledTimes(1);
  // GitHub gives a delivery up after 10 s.
  vi.advanceTimersByTime(10_000);
  expect(look).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1_000);
  expect(look).toHaveBeenCalledTimes(2);
});

test("of two changes in a row the later one tells when the old endpoint is looked after", () => {
  const look = vi.fn();
  const missed = new MissedDeliveries(look);
  missed.switched();
  vi.advanceTimersByTime(6_000);
  missed.switched();
  vi.advanceTimersByTime(6_000);
  expect(look).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(5_000);
  expect(look).toHaveBeenCalledTimes(3);
  missed.close();
});
