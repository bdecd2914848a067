import { setImmediate } from "node:timers/promises";
import { afterEach, expect, it, vi } from "vitest";
import { SETTLED_MS, shrinkHeapAfterStart } from "../../app/shrink-heap.ts";

afterEach(() => vi.useRealTimers());

/** Garbage that has grown old: two young collections would keep it. */
const garbage = () => new WeakRef(Array.from({ length: 100_000 }, () => ({})));

it("what the start of a process left behind is collected once it has settled", async () => {
  const left = garbage();
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  shrinkHeapAfterStart();
  // A weak reference keeps its object until the end of the turn.
  await setImmediate();
  vi.advanceTimersByTime(SETTLED_MS - 1);
  expect(left.deref()).toBeDefined();
  await setImmediate();
  vi.advanceTimersByTime(1);
  expect(left.deref()).toBeUndefined();
});
