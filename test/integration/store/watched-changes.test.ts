import { afterEach, expect, it, vi } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { openStore } from "../../../app/store/open-store.ts";
import type { Store } from "../../../app/store/store.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { newStoreAddress } from "../../helpers/stores.ts";

afterEach(() => vi.useRealTimers());

/** Two processes' stores of one SQLite file. The timers of their watches move by hand. */
async function twoStores() {
  const address = await newStoreAddress("sqlite");
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  const open = async () => {
    const store = await openStore(address, { clock: systemClock, threads: false });
    atTestEnd(() => store.close());
    return store;
  };
  return { here: await open(), there: await open() };
}

/** Counts what a listener hears. It first hears that it may have missed something. */
async function listener(store: Store) {
  let heard = 0;
  store.onChange(() => heard++);
  await isWatching(store);
  vi.advanceTimersByTime(100);
  heard = 0;
  return { heard: () => heard };
}

/** The connection answers in order, so it watches by the time that it answers this. */
const isWatching = (store: Store) => store.read.selectFrom("scans").select("scan").execute();

it("the renewal of the controller's lease wakes nobody", async () => {
  const { here, there } = await twoStores();
  const candidate = { holder: "a 1", instance: "a", host: "h" };
  const lease = new ControllerLease({ store: there, clock: systemClock, ttlMs: 2_000, candidate });
  await lease.acquire(() => false);
  const { heard } = await listener(here);
  await lease.acquire(() => false);
  vi.advanceTimersByTime(1_000);
  expect(heard()).toBe(0);
});

it("a change is noticed within 100 ms, also right after commits that notified nobody", async () => {
  const { here, there } = await twoStores();
  const { heard } = await listener(here);
  await there.probe(10_000);
  vi.advanceTimersByTime(100);
  await there.write((trx) => there.notify(trx));
  vi.advanceTimersByTime(100);
  expect(heard()).toBe(1);
});

it("a change that was rolled back wakes nobody", async () => {
  const { here, there } = await twoStores();
  const { heard } = await listener(here);
  const change = there.write(async (trx) => {
    await there.notify(trx);
    throw new Error("no");
  });
  await expect(change).rejects.toThrow("no");
  vi.advanceTimersByTime(1_000);
  expect(heard()).toBe(0);
});

it("a commit that notified nobody is noticed after 10 s: an older release notifies nobody", async () => {
  const { here, there } = await twoStores();
  const { heard } = await listener(here);
  await there.probe(10_000);
  vi.advanceTimersByTime(9_900);
  expect(heard()).toBe(0);
  vi.advanceTimersByTime(200);
  expect(heard()).toBe(1);
});

it("the first listener hears within 100 ms, however long nobody listened", async () => {
  const { here, there } = await twoStores();
  vi.advanceTimersByTime(60_000);
  const heard = vi.fn();
  here.onChange(heard);
  await isWatching(here);
  vi.advanceTimersByTime(100);
  heard.mockClear();
  await there.write((trx) => there.notify(trx));
  vi.advanceTimersByTime(100);
  expect(heard).toHaveBeenCalledOnce();
});
