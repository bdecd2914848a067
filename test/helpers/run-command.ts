import { join } from "node:path";
import { Acceptor } from "../../app/accept/acceptor.ts";
import { type Clock, systemClock } from "../../app/clock.ts";
import type { TargetConfig } from "../../app/config/schema.ts";
import { secretValues } from "../../app/config/secret-values.ts";
import { Launcher } from "../../app/run/launcher.ts";
import { identify, type ProcessIdentity } from "../../app/run/process-identity.ts";
import { runNext } from "../../app/run/run-next.ts";
import { RunRegistry } from "../../app/run/run-registry.ts";
import type { Store } from "../../app/store/store.ts";
import { runArrival, testTarget } from "./arrivals.ts";
import { newStore, temporaryDirectory } from "./stores.ts";

/**
 * Runs a deployment in this very process, by a real command: a script for `sh`. `environment` is the instance's.
 * `begun` gets the store as the command starts. `view` is the runner's view of the store.
 */
export async function runCommand(
  script: string,
  options: {
    target?: Record<string, unknown>;
    environment?: Record<string, string>;
    clock?: Clock;
    view?: (store: Store) => Store;
    begun?: (store: Store, deploymentId: string) => void;
  } = {},
) {
  const store = await newStore("sqlite");
  const directory = temporaryDirectory();
  const target: TargetConfig = testTarget({ run: ["sh", "-c", script], directory, ...options.target });
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  await acceptor.accept(runArrival(1, [target]));
  const registry = new RunRegistry(directory);
  const holder = registry.newHolder();
  const launcher = await Launcher.begin(registry.outputPipe(holder));
  registry.write({ holder, runner: identify(process.pid) as ProcessIdentity, command: launcher.identity });
  await runNext(
    {
      clock: options.clock ?? systemClock,
      store: options.view?.(store) ?? store,
      registry,
      lockDirectory: join(directory, "locks"),
      instance: "primary",
      host: "host-1",
      tell: (message) => {
        if (message.type === "started") options.begun?.(store, message.deploymentId);
      },
    },
    {
      type: "job",
      target,
      inherited: { PATH: process.env.PATH ?? "", ...options.environment },
      secrets: secretValues(target, options.environment ?? {}),
    },
    { holder, launcher },
  );
  const chunks = await store.read.selectFrom("log_chunks").select("text").orderBy("seq").execute();
  const row = await store.read.selectFrom("deployments").selectAll().executeTakeFirstOrThrow();
  return { row, log: chunks.map(({ text }) => text).join("") };
}
