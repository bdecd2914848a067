import { setImmediate } from "node:timers/promises";
import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import { ActiveEndpoint } from "../../../app/failover/active-endpoint.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { EventBus } from "../../../app/failover/event-bus.ts";
import { initializeSwitchboard, recordDecision } from "../../../app/failover/switchboard.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { newStore } from "../../helpers/stores.ts";
import { PATIENT } from "../../helpers/thresholds.ts";

const TTL_MS = 2_000;
const urlOf = (name: string) => `https://${name}.example/api/github/webhooks`;

it("a controller that takes the lease again does not go on with what it set before it lost the lease", async () => {
  const store = await newStore("sqlite");
  await store.write((trx) => initializeSwitchboard(trx, "primary"));
  const clock = new ManualClock();
  const leaseOf = (instance: string) =>
    new ControllerLease({
      ...{ store, clock, ttlMs: TTL_MS },
      candidate: { holder: instance, instance, host: "host-1" },
    });
  const [lease, other] = [leaseOf("primary"), leaseOf("backup")];
  const look = Promise.withResolvers<void>();
  const written: string[] = [];
  const active = new ActiveEndpoint({
    ...{ store, clock, lease, instance: "primary", thresholds: PATIENT as never, door: null },
    endpoints: ["primary", "backup"].map((name) => ({ name, url: `https://${name}.example` })),
    observe: () => [],
    github: {
      read: async () => {
        await look.promise;
        return { url: urlOf("backup"), contentType: "json", insecureSsl: false };
      },
      write: async (url, _, beforeSending) => {
        beforeSending?.();
        written.push(url);
      },
    },
    secretChange: { isUnderWay: false, isAgreed: true },
    bus: new EventBus(),
    onSwitched: () => {},
    log: pino({ level: "silent" }),
  });
  onTestFinished(() => active.close());
  const nobodyIsGone = () => false;

  await lease.acquire(nobodyIsGone);
  active.tookOver();
  // It looks at GitHub's URL, and the answer takes long.
  await active.review();
  await other.acquire(nobodyIsGone);
  clock.ms += TTL_MS;
  expect((await other.acquire(nobodyIsGone)).taken).toBe(true);
  const at = clock.now();
  await other.write((trx) =>
    recordDecision(trx, {
      ...{ from_endpoint: "primary", to_endpoint: "backup", kind: "switchover", reason: "asked for" },
      ...{ decided_by: "backup", detected_at: at, decided_at: at },
    }),
  );
  await other.release();
  expect((await lease.acquire(nobodyIsGone)).taken).toBe(true);

  look.resolve();
  // Everything that follows from the answer needs no timer.
  await setImmediate();
  expect(written).toEqual([]);
});
