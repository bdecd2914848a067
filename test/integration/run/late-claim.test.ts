import { expect, it } from "vitest";
import type { TaskName } from "../../../app/bundle/entry-points.ts";
import { systemClock } from "../../../app/clock.ts";
import { interrupt } from "../../../app/queue/interrupt.ts";
import { DEPLOYMENT_LEASE_MS } from "../../../app/queue/lease.ts";
import type { Store } from "../../../app/store/store.ts";
import { runCommand } from "../../helpers/run-command.ts";

/** A claim that is committed at once, and whose answer comes when most of the lease is over. */
async function claimsLate(meanwhile: (store: Store) => Promise<unknown>) {
  let late = 0;
  let leftMs: Promise<number> | undefined;
  const leaseOf = async (store: Store) => {
    const { lease_until } = await store.read.selectFrom("deployments").selectAll().executeTakeFirstOrThrow();
    return (lease_until ?? 0) - Date.now();
  };
  const { row, log } = await runCommand("echo it ran", {
    clock: { ...systemClock, monotonic: () => performance.now() + late },
    view: (store) =>
      new Proxy(store, {
        get: (of, name) => {
          if (name !== "perform") {
            const value = Reflect.get(of, name, of);
            return typeof value === "function" ? value.bind(of) : value;
          }
          return async (task: TaskName, input: unknown) => {
            const answer = await of.perform(task, input);
            late = 0.9 * DEPLOYMENT_LEASE_MS;
            await of.write((trx) =>
              trx
                .updateTable("deployments")
                .set({ lease_until: Date.now() + 3_000 })
                .execute(),
            );
            await meanwhile(of);
            return answer;
          };
        },
      }),
    begun: (store) => {
      leftMs = leaseOf(store);
    },
  });
  return { row, log, leftMs: await leftMs };
}

it("a runner whose claim was answered late renews the lease before its command begins", async () => {
  const { row, leftMs } = await claimsLate(async () => {});
  expect(row.status).toBe("succeeded");
  expect(leftMs).toBeGreaterThan(DEPLOYMENT_LEASE_MS / 2);
});

it("a runner whose claim was answered after another host had taken over begins no command", async () => {
  const { row, log, leftMs } = await claimsLate(async (store) => {
    const running = await store.read.selectFrom("deployments").selectAll().executeTakeFirstOrThrow();
    await interrupt(store, running, "retry", "host host-1 stopped renewing its lease");
  });
  expect(leftMs).toBeUndefined();
  expect([row.status, row.attempt, log]).toEqual(["queued", 2, ""]);
});
