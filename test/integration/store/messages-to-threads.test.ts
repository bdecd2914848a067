import { rmSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, expect, it, vi } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { openStore } from "../../../app/store/open-store.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

afterEach(() => vi.restoreAllMocks());

/** A store with threads, as an instance has it, and a count of the messages that its threads got. */
async function threadedStore() {
  const path = join(temporaryDirectory(), "twinhook.db");
  const store = await openStore({ engine: "sqlite", path }, { clock: systemClock });
  atTestEnd(() => store.close());
  await store.probe(10_000);
  const messages = vi.spyOn(Worker.prototype, "postMessage");
  return { store, path, sent: () => messages.mock.calls.length };
}

it("a health check asks an idle thread nothing while a proof of a commit is fresh", async () => {
  const { store, sent } = await threadedStore();
  await store.probe(10_000);
  const first = sent();
  await store.probe(10_000);
  expect(sent()).toBe(first);
});

it("a health check fails at once when the file is gone, although the thread is idle", async () => {
  const { store, path } = await threadedStore();
  await store.probe(10_000);
  rmSync(path);
  await expect(store.probe(10_000)).rejects.toThrow("was deleted");
});

it("a health check waits behind the work of a busy thread", async () => {
  const { store, sent } = await threadedStore();
  await store.probe(10_000);
  const before = sent();
  const written = store.writeOne((db) => db.updateTable("twinhook_version").set({ probed_at: 1 }));
  // Before the thread can answer: no event is handled in between.
  for (let turn = 0; turn < 1_000 && sent() === before; turn++) await null;
  await store.probe(10_000);
  expect(sent() - before).toBe(2);
  await written;
});

it("a lease is renewed by one message", async () => {
  const { store, sent } = await threadedStore();
  const candidate = { holder: "a 1", instance: "a", host: "h" };
  const lease = new ControllerLease({ store, clock: systemClock, ttlMs: 600_000, candidate });
  await lease.acquire(() => false);
  const before = sent();
  expect(await lease.acquire(() => false)).toEqual({ held: true, taken: false });
  expect(sent() - before).toBe(1);
});
