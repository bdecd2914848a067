import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CatchUpTrigger } from "../../../app/failover/catch-up-trigger.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a change of the endpoint starts a scan at once, and a second one when GitHub has given up the hanging deliveries", () => {
  const scan = vi.fn();
  const trigger = new CatchUpTrigger(scan);
  trigger.switched();
  expect(scan).toHaveBeenCalledTimes(1);
  // GitHub gives a delivery up after 10 s.
  vi.advanceTimersByTime(10_000);
  expect(scan).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1_000);
  expect(scan).toHaveBeenCalledTimes(2);
});

test("after two changes in a row, the second scan is timed by the later one", () => {
  const scan = vi.fn();
  const trigger = new CatchUpTrigger(scan);
  trigger.switched();
  vi.advanceTimersByTime(6_000);
  trigger.switched();
  vi.advanceTimersByTime(6_000);
  expect(scan).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(5_000);
  expect(scan).toHaveBeenCalledTimes(3);
  trigger.close();
});
