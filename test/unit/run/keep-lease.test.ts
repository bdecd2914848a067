import { expect, it, vi } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { keepLease } from "../../../app/run/keep-lease.ts";
import type { Store } from "../../../app/store/store.ts";

/** When another host may take over, at the earliest. */
const LEASE_MS = 30_000;
/** How long an ended command has until it is killed. */
const GRACE_MS = 10_000;

it("a command ends before another host may take over where the database is cut off and answers nothing at all", async () => {
  vi.useFakeTimers();
  try {
    const never = new Promise<never>(() => {});
    const store = {
      can: { rowLocks: true, severalHosts: true, copies: false },
      write: () => never,
      onChange: () => () => {},
      read: { selectFrom: () => ({ select: () => ({ where: () => ({ executeTakeFirst: () => never }) }) }) },
    } as unknown as Store;
    const began = Date.now();
    let endedAt: number | undefined;
    const letGo = keepLease({
      store,
      clock: { ...systemClock, monotonic: () => Date.now() },
      since: Date.now(),
      lease: { deploymentId: "dep_1", holder: "run_1", token: 1 },
      execution: {
        result: never,
        end: (by) => {
          expect(by).toBe("lease_lost");
          endedAt ??= Date.now();
        },
      },
    });
    await vi.advanceTimersByTimeAsync(LEASE_MS);
    letGo();
    expect((endedAt ?? Number.POSITIVE_INFINITY) - began).toBeLessThan(LEASE_MS - GRACE_MS);
  } finally {
    vi.useRealTimers();
  }
});
