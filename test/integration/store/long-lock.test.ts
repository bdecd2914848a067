import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { openStore } from "../../../app/store/open-store.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { eventually } from "../../helpers/eventually.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

/** A store whose write lock a stranger holds, a write that waits for it, and a clock that the test moves. */
async function scene() {
  const path = join(temporaryDirectory(), "twinhook.db");
  let passed = 0;
  let tries = 0;
  const said: number[] = [];
  const clock = {
    now: systemClock.now,
    monotonic: () => passed,
    sleep: async () => {
      tries += 1;
      await systemClock.sleep(1);
    },
  };
  const store = await openStore(
    { engine: "sqlite", path },
    { clock, threads: false, onLongLock: (_, heldMs) => said.push(heldMs) },
  );
  atTestEnd(() => store.close());
  const stranger = new DatabaseSync(path);
  stranger.exec("BEGIN IMMEDIATE");
  const write = store.write(async () => {});
  atTestEnd(async () => {
    stranger.exec("ROLLBACK");
    stranger.close();
    await write;
  });
  /** Time passes, and the write tries again. */
  const pass = async (ms: number) => {
    passed += ms;
    const before = tries;
    await eventually(() => expect(tries).toBeGreaterThan(before + 1));
  };
  await pass(0);
  return { said, pass };
}

it("who holds the write lock for long is told after each 300 ms", async () => {
  const { said, pass } = await scene();
  for (let i = 0; i < 7; i++) await pass(100);
  expect(said).toEqual([400]);
  await pass(100);
  expect(said).toEqual([400, 800]);
});

it("a process that stood still itself does not know how long the lock was held, and tells nothing of it", async () => {
  const { said, pass } = await scene();
  await pass(100);
  await pass(1_000);
  await pass(100);
  expect(said).toEqual([]);
});
