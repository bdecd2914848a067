import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ControllerLease, NotControllerError } from "../../../app/failover/controller-lease.ts";
import type { Store } from "../../../app/store/store.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { ENGINES, newStore } from "../../helpers/stores.ts";

const TTL_MS = 2_000;

const nobodyIsGone = () => false;

describe.each(ENGINES)("the controller's lease on %s", (engine) => {
  async function twins() {
    const store = await newStore(engine);
    const clock = new ManualClock();
    const lease = (name: string) =>
      new ControllerLease({
        store,
        clock,
        ttlMs: TTL_MS,
        candidate: { holder: name, instance: name, host: "host-1" },
      });
    return { store, clock, a: lease("a"), b: lease("b") };
  }

  it("is taken by the first who asks, and kept by renewing it", async () => {
    const { clock, a, b } = await twins();
    expect(await a.acquire(nobodyIsGone)).toEqual({ held: true, taken: true });
    for (let i = 0; i < 10; i++) {
      expect(await b.acquire(nobodyIsGone)).toEqual({ held: false, taken: false });
      clock.ms += 1_000;
      expect(await a.acquire(nobodyIsGone)).toEqual({ held: true, taken: false });
    }
    expect(a.token).toBe(1);
  });

  it("is taken anew where it ran out while it was renewed: writes were refused meanwhile", async () => {
    const { store, clock } = await twins();
    let renewalMs = 0;
    const slow = new Proxy(store, {
      get: (of, name) => {
        const value = Reflect.get(of, name, of);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          const result = await value.apply(of, args);
          if (name === "writeOne") clock.ms += renewalMs;
          return result;
        };
      },
    });
    const candidate = { holder: "a", instance: "a", host: "host-1" };
    const lease = new ControllerLease({ store: slow, clock, ttlMs: TTL_MS, candidate });
    await lease.acquire(nobodyIsGone);
    let taken = 0;
    lease.onTaken(() => taken++);
    clock.ms += TTL_MS - 100;
    renewalMs = 99;
    expect(await lease.acquire(nobodyIsGone)).toEqual({ held: true, taken: false });
    clock.ms += TTL_MS - 200;
    renewalMs = 200;
    expect(await lease.acquire(nobodyIsGone)).toEqual({ held: true, taken: true });
    expect([taken, lease.token]).toEqual([1, 1]);
  });

  it("passes to another once it was seen unchanged for its time, and not before", async () => {
    const { clock, a, b } = await twins();
    await a.acquire(nobodyIsGone);
    await b.acquire(nobodyIsGone);
    clock.ms += TTL_MS - 1;
    expect((await b.acquire(nobodyIsGone)).held).toBe(false);
    clock.ms += 1;
    expect(a.held).toBe(false);
    expect(await b.acquire(nobodyIsGone)).toEqual({ held: true, taken: true });
    expect(b.token).toBe(2);
    await expect(a.write(async () => {})).rejects.toThrow(NotControllerError);
  });

  it("passes at once when its holder is proven to be gone, or gave it up", async () => {
    const { a, b } = await twins();
    await a.acquire(nobodyIsGone);
    expect((await b.acquire(({ holder }) => holder === "a")).held).toBe(true);
    await b.release();
    expect(b.held).toBe(false);
    expect((await a.acquire(nobodyIsGone)).held).toBe(true);
  });

  it("lets a holder that wakes up too late write nothing", async () => {
    const { clock, store, a, b } = await twins();
    await a.acquire(nobodyIsGone);
    await b.acquire(nobodyIsGone);
    clock.ms += 10_000;
    await b.acquire(nobodyIsGone);
    const writing = a.write((trx) => trx.updateTable("twinhook_version").set({ probed_at: 7 }).execute());
    await expect(writing).rejects.toThrow(NotControllerError);
    const row = await store.read.selectFrom("twinhook_version").select("probed_at").executeTakeFirstOrThrow();
    expect(row.probed_at).not.toBe(7);
  });

  it("is won by one of many who ask at the same moment", async () => {
    const { store, clock } = await twins();
    const leases = Array.from(
      { length: 6 },
      (_, i) =>
        new ControllerLease({
          store,
          clock,
          ttlMs: TTL_MS,
          candidate: { holder: `c${i}`, instance: `c${i}`, host: "h" },
        }),
    );
    await Promise.all(leases.map((lease) => lease.acquire(nobodyIsGone)));
    expect(leases.filter(({ held }) => held)).toHaveLength(1);
  });
});

/**
 * The store of one instance in a simulated world: before and after every statement the instance may be paused,
 * while time goes on and the others act.
 */
function pausable(store: Store, pause: () => Promise<void>): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === "write")
        return async (work: Parameters<Store["write"]>[0]) => {
          await pause();
          const result = await target.write(work);
          await pause();
          return result;
        };
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("whatever is paused, killed, or set to another time", () => {
  it("there are never two controllers", async () => {
    const store = await newStore("sqlite");
    let takeovers = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(
          fc.record({
            who: fc.nat(2),
            what: fc.constantFrom("acquire", "acquire", "acquire", "kill", "release", "jump"),
            after: fc.constantFrom(1, 50, 300, 667, 1_000, 2_000, 2_500),
          }),
          { minLength: 10, maxLength: 25 },
        ),
        async (scheduler, steps) => {
          await store.write((trx) => trx.deleteFrom("leases").execute());
          const clock = new ManualClock();
          let started = 0;
          const begin = () => {
            const holder = `process-${++started}`;
            const pause = () => scheduler.schedule(Promise.resolve());
            const lease = new ControllerLease({
              store: pausable(store, pause),
              clock,
              ttlMs: TTL_MS,
              candidate: { holder, instance: holder, host: "host-1" },
            });
            return { lease, busy: false, alive: true };
          };
          const instances = [begin(), begin(), begin()];
          const running: Promise<unknown>[] = [];
          const check = () => {
            const holders = instances.filter(({ lease, alive }) => alive && lease.held);
            expect(holders.length).toBeLessThanOrEqual(1);
          };
          for (const { who, what, after } of steps) {
            clock.ms += after;
            check();
            const instance = instances[who];
            if (!instance) continue;
            if (what === "jump") clock.jump += (who - 1) * 3_600_000;
            // A killed process writes no more than what had reached the store; another one takes its place.
            else if (what === "kill") {
              instance.alive = false;
              instances[who] = begin();
            } else if (!instance.busy) {
              instance.busy = true;
              const act =
                what === "release" ? instance.lease.release() : instance.lease.acquire(nobodyIsGone);
              running.push(
                act.then((result) => {
                  instance.busy = false;
                  if (result?.taken) takeovers += 1;
                  check();
                }),
              );
            }
            // Only some of those who wait go on before the next step.
            if (scheduler.count() > 0 && after > 50) await scheduler.waitOne();
            check();
          }
          await scheduler.waitFor(Promise.all(running));
          check();
        },
      ),
      { numRuns: 1_000 },
    );
    // The schedules would prove nothing if nobody ever took over.
    expect(takeovers).toBeGreaterThan(500);
  });
});
