import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import type { TaskName } from "../../../app/bundle/entry-points.ts";
import { systemClock } from "../../../app/clock.ts";
import type { TargetConfig } from "../../../app/config/schema.ts";
import { Launcher } from "../../../app/run/launcher.ts";
import type { FromRunner } from "../../../app/run/messages.ts";
import { identify } from "../../../app/run/process-identity.ts";
import { runNext } from "../../../app/run/run-next.ts";
import { RunRegistry } from "../../../app/run/run-registry.ts";
import { StoreUnavailableError } from "../../../app/store/errors.ts";
import type { Store } from "../../../app/store/store.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore, temporaryDirectory } from "../../helpers/stores.ts";

/** What waits for a target, and a runner in this very process that is to run it; its store may be another's view. */
async function runnerOf(
  engine: Engine,
  view: (store: Store, directory: string) => Store,
  change: Partial<TargetConfig> = {},
  clock = systemClock,
) {
  const store = await newStore(engine);
  const directory = temporaryDirectory();
  const target = { ...testTarget({ run: ["sh", "-c", "echo once | tee -a ran"], directory }), ...change };
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  await acceptor.accept(runArrival(1, [target]));
  const registry = new RunRegistry(directory);
  const holder = registry.newHolder();
  const launcher = await Launcher.begin(registry.outputPipe(holder));
  const runner = identify(process.pid);
  if (!runner) throw new Error("this process has no identity");
  registry.write({ holder, runner, command: launcher.identity });
  const told: FromRunner[] = [];
  const place = {
    clock,
    store: view(store, directory),
    registry,
    lockDirectory: join(directory, "locks"),
    instance: "primary",
    host: "host-1",
    tell: (message: FromRunner) => told.push(message),
  };
  const result = await runNext(
    place,
    { type: "job", target, inherited: { PATH: process.env.PATH ?? "" }, secrets: [] },
    { holder, launcher },
  );
  const row = await store.read.selectFrom("deployments").selectAll().executeTakeFirstOrThrow();
  const file = join(directory, "ran");
  return { result, row, ran: existsSync(file) ? readFileSync(file, "utf8") : null, told };
}

/** The same object, of which one method behaves otherwise. */
function withMethod<T extends object, K extends keyof T>(object: T, method: K, instead: T[K]): T {
  return new Proxy(object, {
    get(target, name) {
      if (name === method) return instead;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe.concurrent.each(ENGINES)("a runner on %s", (engine) => {
  it("runs what it has claimed where the answer to its claim was lost", async () => {
    let lost = 0;
    const { result, row, ran } = await runnerOf(engine, (store) =>
      withMethod(store, "perform", async <O>(task: TaskName, input: unknown): Promise<O> => {
        const answer = await store.perform<O>(task, input);
        if (lost++ === 0) throw new StoreUnavailableError("unreachable", "the connection was lost");
        return answer;
      }),
    );
    expect([result, ran, lost]).toEqual(["ran", "once\n", 2]);
    expect(row).toMatchObject({ status: "succeeded", attempt: 1, interruptions: 0, exit_code: 0 });
  });

  it("tells of a command that could not be started that it failed", async () => {
    const { row, told, ran } = await runnerOf(engine, (store) => store, { run: ["./no-such-file"] });
    expect(ran).toBeNull();
    expect(row).toMatchObject({ status: "failed", exit_code: null });
    expect(told).toContainEqual(expect.objectContaining({ type: "ended", status: "failed" }));
  });

  it("records how the command ended also where its log cannot be stored", async () => {
    const { row, told } = await runnerOf(engine, (store) =>
      withMethod(store, "write", (work) =>
        store.write((trx) =>
          work(
            withMethod(trx, "insertInto", ((table: "log_chunks") => {
              if (table === "log_chunks") throw new Error("too many values");
              return trx.insertInto(table);
            }) as typeof trx.insertInto),
          ),
        ),
      ),
    );
    expect(row).toMatchObject({ status: "succeeded", exit_code: 0 });
    expect(told).toContainEqual({ type: "error", message: expect.stringContaining("too many values") });
  });
});

describe("a runner whose store is unavailable", () => {
  /** The monotonic clock is `ahead.ms` ahead. */
  const clockAhead = (ahead: { ms: number }) => ({
    ...systemClock,
    monotonic: () => systemClock.monotonic() + ahead.ms,
  });
  const hours = (count: number) => count * 60 * 60_000;

  it("gives up after an hour in which its folder is deleted, and not before", async () => {
    const ahead = { ms: 0 };
    let refused = 0;
    const result = runnerOf(
      "sqlite",
      (store, directory) =>
        withMethod(store, "write", async () => {
          rmSync(directory, { recursive: true, force: true });
          refused++;
          if (refused === 3) ahead.ms = hours(0.9);
          if (refused === 6) ahead.ms = hours(1.1);
          throw new StoreUnavailableError("moved", "twinhook.db was deleted");
        }),
      {},
      clockAhead(ahead),
    );
    await expect(result).rejects.toThrow(/was deleted/);
    expect(refused).toBeGreaterThanOrEqual(6);
  });

  it("waits on for days where its folder is there, and then records how the command ended", async () => {
    const ahead = { ms: 0 };
    let refused = 0;
    const { row } = await runnerOf(
      "sqlite",
      (store) =>
        withMethod(store, "write", (work) => {
          if (refused++ > 4) return store.write(work);
          ahead.ms += hours(24);
          throw new StoreUnavailableError("moved", "twinhook.db is another file than the one that is open");
        }),
      {},
      clockAhead(ahead),
    );
    expect(row).toMatchObject({ status: "succeeded", exit_code: 0 });
  });
});
