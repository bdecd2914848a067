import { join } from "node:path";
import { pino } from "pino";
import { afterEach, expect, it, vi } from "vitest";
import { RunnerPool } from "../../../app/run/runner-pool.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

afterEach(() => vi.useRealTimers());

function warmPool(): RunnerPool {
  const stateDirectory = temporaryDirectory();
  const store = { engine: "sqlite" as const, path: join(stateDirectory, "twinhook.db") };
  const pool = new RunnerPool(
    { type: "prepare", store, stateDirectory, instance: "a" },
    pino({ level: "silent" }),
  );
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  pool.warm();
  return pool;
}

it("the first waiting worker does not compete with its instance's start", () => {
  const pool = warmPool();
  vi.advanceTimersByTime(2_900);
  expect(pool.hasSpare).toBe(false);
  vi.advanceTimersByTime(100);
  expect(pool.hasSpare).toBe(true);
  pool.close();
});

it("an instance that ends before starts no waiting worker", () => {
  const pool = warmPool();
  pool.close();
  vi.advanceTimersByTime(60_000);
  expect(pool.hasSpare).toBe(false);
});
