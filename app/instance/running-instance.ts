import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { fixedInInstance } from "../config/checks/running-service.ts";
import type { Config } from "../config/load.ts";
import { ConfigError } from "../config/problem.ts";
import type { RequestHandler } from "../http/server.ts";
import { frozenLockEnder } from "../run/frozen-lock.ts";
import { takeInstanceName } from "../run/instance-lock.ts";
import { narrow } from "../run/private-files.ts";
import { RunRegistry } from "../run/run-registry.ts";
import { onceAvailable } from "../store/once-available.ts";
import { openStore } from "../store/open-store.ts";
import { namesOf } from "../store/sqlite/put-back.ts";
import type { AssembledInstance } from "./assembled-instance.ts";
import { Entrance } from "./entrance.ts";
import { assembleInstance } from "./instance.ts";

/** How long requests may go on that came before a reload: longer than the longest poll, which is 25 s. */
const FORMER_LIMIT_MS = 30_000;

/** A running instance of the App. */
export interface Instance {
  name: string;
  /** The real address of its listener. */
  address: { host: string; port: number };
  /** The routes that it answers. */
  routes: RequestHandler["routes"];
  /**
   * Accepts nothing more, answers open requests, and releases all resources. Runners continue: deployments do
   * not depend on their instance. With `all`, every instance of this host is stopping.
   */
  stop(how?: { all?: boolean }): Promise<void>;
  /**
   * Takes another configuration, while its ports stay open. Requests that came before are answered by the former one.
   * @throws {ConfigError} when it cannot take it while it runs. It then goes on as before, as after any other error but
   * {BrokenReloadError}.
   */
  reload(next: { config: Config; env: NodeJS.ProcessEnv }): Promise<void>;
  /** Resolves when another instance could take this one's place, or after a while. */
  untilReplaceable(): Promise<void>;
  /** Reports that another instance of this host is gone, and why. */
  peerEnded(name: string, reason: string): void;
}

/** The former parts had ended when the new ones did not start. The instance must stop, so that it is started again. */
export class BrokenReloadError extends Error {
  override readonly name = "BrokenReloadError";
  constructor(cause: Error) {
    super(`the instance could not go on with the new configuration, and starts anew: ${cause.message}`, {
      cause,
    });
  }
}

/**
 * Starts one instance: takes its name, opens the store, and listens.
 * @throws {InstanceRunsError} when the name is taken. {StoreUnavailableError} when the store cannot be
 * opened, and waiting does not help.
 */
export async function startInstance(options: {
  config: Config;
  name: string;
  clock: Clock;
  log: Logger;
  env: NodeJS.ProcessEnv;
  /** Whether to do without the threads of SQLite and the waiting worker, which only make an instance faster. */
  isFrugal?: boolean;
}): Promise<Instance> {
  const { name, clock, log, isFrugal = false } = options;
  let { config } = options;
  const { stateDirectory, store } = config;
  const self = config.instances.find((instance) => instance.name === name);
  if (!self) throw new Error(`there is no instance named ${name} in ${config.file}`);
  const identity = takeInstanceName(stateDirectory, name);
  const files = ["host-id", "locks", "runs", "service", "compile-cache"].map((file) =>
    join(stateDirectory, file),
  );
  if (store.engine === "sqlite") files.push(...namesOf(store.path));
  narrow(files, (path, error) => log.warn(`other users may read ${path}: ${error.message}`));

  const registry = new RunRegistry(stateDirectory);
  // A reload keeps it open: another one would first have to prove that it can commit.
  const opened = await onceAvailable(
    () => openStore(store, { clock, threads: !isFrugal, onLongLock: frozenLockEnder(registry, log) }),
    { clock, log },
  );
  const assemble = (given: { config: Config; env: NodeJS.ProcessEnv }) =>
    assembleInstance({ ...given, name, clock, log, process: identity.process, isFrugal, store: opened });
  let current: AssembledInstance = await assemble(options).catch(async (error) => {
    await opened.close();
    throw error;
  });
  /** Those that still answer requests from before a reload. */
  const former = new Set<Promise<void>>();
  const entrance = new Entrance(current.handle, { tls: self.tls, log });
  // Before it listens, so that no WebSocket is taken for another request.
  current.attach(entrance.servers);
  // The door first: whoever finds this instance up may close the other one's.
  if (config.door) await entrance.openDoor(config.door);
  const address = await entrance.listen(self.listen).catch(async (error) => {
    await entrance.closeDoor();
    throw error;
  });
  await current.start(entrance.servers);
  const door = config.door && { door: config.door.listen };
  log.info({ ...address, url: self.url, ...door }, "listening");

  /** The reload that is under way, and those that wait for it. */
  let reloading: Promise<void> = Promise.resolve();
  const take = async (next: { config: Config; env: NodeJS.ProcessEnv }) => {
    const fixed = fixedInInstance(config, next.config);
    if (fixed.length > 0) throw new ConfigError(fixed);
    const successor = await assemble(next);
    const before = current;
    await before.quiesce();
    entrance.use(successor.handle);
    successor.attach(entrance.servers);
    current = successor;
    config = next.config;
    await successor.start(entrance.servers).catch((error) => {
      throw new BrokenReloadError(error);
    });
    const ended = entrance
      .idle(before.handle, FORMER_LIMIT_MS)
      .then(() => before.close())
      .catch((error) => log.warn({ err: error }, "the parts of the previous configuration did not close"))
      .finally(() => former.delete(ended));
    former.add(ended);
  };

  return {
    name,
    address,
    get routes() {
      return current.handle.routes;
    },
    peerEnded: (other, reason) => current.failover.peerEnded(other, reason),
    untilReplaceable: () => current.failover.untilAnotherIsUp(),
    reload(next) {
      const done = reloading.then(() => take(next));
      reloading = done.catch(() => {});
      return done;
    },
    async stop(how) {
      await reloading;
      const doorClosed = entrance.closeDoor();
      await current.leave(how);
      const closed = entrance.close();
      await current.finish();
      entrance.cutSoon();
      await Promise.all([closed, doorClosed, ...former]);
      await current.close();
      await opened.close();
      identity.lock.release();
      log.info("stopped");
    },
  };
}
