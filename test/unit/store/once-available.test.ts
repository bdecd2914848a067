import { expect, it } from "vitest";
import { StoreUnavailableError } from "../../../app/store/errors.ts";
import { onceAvailable } from "../../../app/store/once-available.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";

function scene(failures: Error[]) {
  const clock = new SleepersClock();
  const warnings: string[] = [];
  const work = onceAvailable(
    async () => {
      const failure = failures.shift();
      if (failure) throw failure;
      return "done";
    },
    { clock, log: { warn: (line: string) => void warnings.push(line) } },
  );
  return { clock, warnings, work };
}

it("waits for a store that is locked or unreachable, and tells each reason once", async () => {
  const locked = () => new StoreUnavailableError("locked", "database is locked");
  const { clock, warnings, work } = scene([
    locked(),
    locked(),
    new StoreUnavailableError("unreachable", "no answer"),
  ]);
  for (let times = 0; times < 3; times++) clock.advance(await clock.asleep());
  expect(await work).toBe("done");
  expect(warnings).toEqual([
    expect.stringMatching(/^waiting for the store: .*database is locked/),
    expect.stringMatching(/^waiting for the store: .*no answer/),
  ]);
});

it.each(["broken", "read_only"] as const)("gives up at once on a store that is %s", async (reason) => {
  const { work, warnings } = scene([new StoreUnavailableError(reason, "no permission")]);
  await expect(work).rejects.toMatchObject({ reason });
  expect(warnings).toEqual([]);
});

it("gives up at once on an error that is not about the store's availability", async () => {
  await expect(scene([new Error("a fault")]).work).rejects.toThrow("a fault");
});
