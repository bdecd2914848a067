import pino from "pino";
import { expect, it } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { RunnerPool } from "../../../app/run/runner-pool.ts";
import { openStore } from "../../../app/store/open-store.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { closeAtEnd } from "../../helpers/close-at-end.ts";
import { eventually } from "../../helpers/eventually.ts";
import { mayStartProcesses } from "../../helpers/may-start-processes.ts";
import { newStoreAddress, temporaryDirectory } from "../../helpers/stores.ts";

const close = closeAtEnd();

it("a worker counts as ready only once it has loaded, and again after its job", async () => {
  mayStartProcesses();
  const address = await newStoreAddress("sqlite");
  close(await openStore(address, { clock: systemClock }));
  const stateDirectory = temporaryDirectory();
  const preparation = { type: "prepare", store: address, stateDirectory, instance: "primary" } as const;
  const pool = close(new RunnerPool(preparation, pino({ enabled: false })));
  pool.warm();
  expect([pool.hasSpare, pool.hasReady]).toEqual([true, false]);
  await eventually(() => expect(pool.hasReady).toBe(true));
  const job = pool.run({ type: "job", target: testTarget(), inherited: {}, secrets: [] });
  expect([pool.hasSpare, pool.hasReady]).toEqual([false, false]);
  expect(await job).toBe("nothing");
  await eventually(() => expect(pool.hasReady).toBe(true));
});
