import { expect, it } from "vitest";
import { runCalm } from "../campaign/calm.ts";

/**
 * The short form of `npm run campaign -- --calm`. How busy this machine is must not decide, so checks may take long:
 * what is judged is that a machine that stood still for a while is no reason to move.
 */
it("there is no failover while nothing fails, although the whole machine stands still for seconds", async () => {
  const { failovers, died, freezes } = await runCalm({
    // A process may be stopped for 2.2 s by these thresholds, so each freeze is long enough to count.
    ...{ seconds: 8, rate: 50, loops: 0, freezeEverySeconds: 4, freezeMs: 3_000 },
    failover: { health_check_timeout: "10s" },
  });
  expect([...failovers, ...died]).toEqual([]);
  expect(freezes).toBeGreaterThan(0);
});
