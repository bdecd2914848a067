import { execFileSync } from "node:child_process";
import { constants, openSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { OutputLog } from "../../../app/run/output-log.ts";
import { ENGINES, newStore, temporaryDirectory } from "../../helpers/stores.ts";

/** More than one statement of either engine may hold. */
const LINES = 14_000;

describe.concurrent.each(ENGINES)("the output of a command on %s", (engine) => {
  it("is stored also where very many lines have come since the store could last be reached", async () => {
    const store = await newStore(engine);
    const pipe = join(temporaryDirectory(), "pipe");
    execFileSync("mkfifo", [pipe]);
    const output = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const deployment = { id: "dep_1", attempt: 1 };
    const log = new OutputLog({ store, clock: systemClock, deployment, output, secrets: [] });
    for (let line = 0; line < LINES; line++) log.note(String(line));
    await log.settle();
    await log.store();
    const { count } = await store.read
      .selectFrom("log_chunks")
      .select((e) => e.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    expect(count).toBe(LINES);
  });
});
