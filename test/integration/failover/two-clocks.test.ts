import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { DeliveryHealth } from "../../../app/catch-up/delivery-health.ts";
import { type Clock, systemClock } from "../../../app/clock.ts";
import { initializeSwitchboard } from "../../../app/failover/switchboard.ts";
import { classifyGitHubError } from "../../../app/github/github-error.ts";
import { OutboxLoop } from "../../../app/outbox/outbox-loop.ts";
import { announce } from "../../../app/queue/announce.ts";
import { GITHUB_OUTBOX } from "../../../app/queue/claim-announcement.ts";
import { newStore } from "../../helpers/stores.ts";

const HOUR_MS = 3_600_000;
/** The clock of a host that is set wrong by this much. */
const wrongBy = (ms: number): Clock => ({ ...systemClock, now: () => systemClock.now() + ms });

describe("the database's clock, where two hosts compare", () => {
  it("lets a host send at once what another one noted, although its own clock is an hour behind", async () => {
    const store = await newStore("postgres");
    await store.write((trx) => announce(trx, store, [{ id: "dep_1", status: "queued" }]));
    const sent = Promise.withResolvers<string>();
    const loop = new OutboxLoop({
      table: GITHUB_OUTBOX,
      store,
      clock: wrongBy(-HOUR_MS),
      holder: "backup 1",
      send: async ({ line }) => sent.resolve(line),
      onFailure: () => "drop",
      log: pino({ level: "silent" }),
    });
    onTestFinished(() => loop.close());
    loop.start();
    expect(await sent.promise).toBe("dep_1");
  });
});

describe("GitHub's clock, where it is compared with ours", () => {
  const reset = Date.UTC(2026, 0, 1, 12);
  const headers = (more: Record<string, string> = {}) => ({
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": String(reset / 1000),
    ...more,
  });

  it("tells when its limit ends, although ours is an hour behind", () => {
    const date = new Date(reset - 60_000).toUTCString();
    const error = { status: 403, response: { headers: headers({ date }) } };
    expect(classifyGitHubError(error, reset - HOUR_MS)).toEqual({ kind: "rate_limited", delayMs: 60_000 });
  });

  it("is taken to be ours where an answer does not tell the time", () => {
    const error = { status: 403, response: { headers: headers() } };
    expect(classifyGitHubError(error, reset - 5_000)).toEqual({ kind: "rate_limited", delayMs: 5_000 });
  });

  it.each([0, -HOUR_MS, HOUR_MS])(
    "tells which deliveries are recent, with ours wrong by %s ms",
    async (ms) => {
      const store = await newStore("sqlite");
      await store.write((trx) => initializeSwitchboard(trx, "primary"));
      const told: boolean[] = [];
      const clock = wrongBy(ms);
      const health = new DeliveryHealth({ store, clock, delivered: (_, ok) => told.push(ok) });
      const at = systemClock.now();
      const row = (id: number, ageMs: number) => ({
        ...{ id: String(id), guid: String(id), deliveredAt: at - ageMs, event: "ping", action: null },
        ...{ statusCode: 502, durationMs: 3 },
      });
      await health.report([row(1, 120_000)], at);
      await health.report([row(3, 5_000), row(2, 90_000)], at);
      expect(told).toEqual([false]);
    },
  );
});
