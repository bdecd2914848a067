import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { HealthRecord, SAMPLE_MS } from "../../../app/failover/health-record.ts";
import type { Health, HealthStatus } from "../../../app/failover/health-window.ts";
import type { Store } from "../../../app/store/store.ts";
import { ENGINES, newStore } from "../../helpers/stores.ts";

const LEASE_MS = 60_000;
const DAY_MS = 24 * 3_600_000;

describe.each(ENGINES)("the record of the endpoints' health, with the %s store", (engine) => {
  let store: Store;
  let status: HealthStatus;
  /** The wall clock, which the test moves. */
  let now: number;
  const clock = { ...systemClock, now: () => now };

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    store = await newStore(engine);
    status = "healthy";
    now = Date.now();
  });
  afterEach(() => void vi.useRealTimers());

  function recordOf(instance: string): { record: HealthRecord; lease: ControllerLease } {
    const candidate = { holder: `${instance} 1`, instance, host: "h" };
    const lease = new ControllerLease({ store, clock, ttlMs: LEASE_MS, candidate });
    const health = () => ({ status, reason: `it is ${status}` }) as Health;
    const observe = () => [{ name: "primary", health: health() }];
    const record = new HealthRecord({ store, clock, lease, observe, log: pino({ level: "silent" }) });
    record.start();
    return { record, lease };
  }

  /** The time of one sample passes, and what is due then is on disk. */
  async function sample(record: HealthRecord): Promise<void> {
    vi.advanceTimersByTime(SAMPLE_MS);
    await record.close();
    record.start();
  }

  const samples = () => store.read.selectFrom("health_samples").selectAll().orderBy("at").execute();
  const statuses = () => store.read.selectFrom("endpoint_health").selectAll().execute();

  it("holds what the controller measured, and nothing that another instance did", async () => {
    const [controller, other] = [recordOf("primary"), recordOf("backup")];
    await controller.lease.acquire(() => false);
    for (const ms of [2, 4]) controller.record.checked("primary", true, ms);
    controller.record.checked("primary", false, 500);
    other.record.checked("primary", true, 999);
    vi.advanceTimersByTime(SAMPLE_MS);
    await Promise.all([controller.record.close(), other.record.close()]);
    expect(await samples()).toEqual([
      { at: now, endpoint: "primary", average_ms: 3, succeeded: 2, failed: 1 },
    ]);
  });

  it("begins each sample anew, knows no average of failures, and forgets what is over a day old", async () => {
    const { record, lease } = recordOf("primary");
    await lease.acquire(() => false);
    record.checked("primary", true, 5);
    await sample(record);
    now += 1_000;
    record.checked("primary", false, 500);
    await sample(record);
    expect(
      (await samples()).map(({ average_ms, succeeded, failed }) => [average_ms, succeeded, failed]),
    ).toEqual([
      [5, 1, 0],
      [null, 0, 1],
    ]);
    now += DAY_MS;
    await sample(record);
    await record.close();
    expect((await samples()).length).toBe(1);
  });

  it("says since when an endpoint does as it does", async () => {
    const { record, lease } = recordOf("primary");
    await lease.acquire(() => false);
    const began = now;
    await sample(record);
    now += 5_000;
    await sample(record);
    expect(await statuses()).toEqual([
      { endpoint: "primary", status: "healthy", reason: "it is healthy", since: began },
    ]);
    status = "unhealthy";
    await sample(record);
    await record.close();
    expect(await statuses()).toEqual([
      { endpoint: "primary", status: "unhealthy", reason: "it is unhealthy", since: now },
    ]);
  });
});
