import { expect, it } from "vitest";
import { runCalm } from "../campaign/calm.ts";

/**
 * The short form of `npm run campaign -- --calm`. How busy this machine is must not decide, so checks may take long:
 * what is judged is that a machine that stood still for a while is no reason to move.
 */
it("there is no failover while nothing fails, although the whole machine stands still for a second", async () => {
  const { failovers, died, freezes } = await runCalm({
    ...{ seconds: 6, rate: 50, loops: 1, freezeEverySeconds: 2, freezeMs: 1_000 },
    failover: { health_check_timeout: "1200ms", failover_threshold: 6 },
  });
  expect([...failovers, ...died]).toEqual([]);
  expect(freezes).toBeGreaterThan(0);
});
