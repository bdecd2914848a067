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
  const job = { type: "job", target: testTarget(), inherited: {}, secrets: [] } as const;
  const first = pool.run(job);
  expect(pool.hasReady).toBe(false);
  expect(await first).toBe("nothing");
  await eventually(() => expect(pool.hasReady).toBe(true));
  const next = pool.run(job);
  expect(pool.hasReady).toBe(false);
  expect(await next).toBe("nothing");
  await eventually(() => expect(pool.hasReady).toBe(true));
});
