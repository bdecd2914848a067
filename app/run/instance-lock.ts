import { lockDirectory, OsLock } from "./os-lock.ts";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import { RunRegistry } from "./run-registry.ts";

/** An instance of this name already runs on this host. */
export class InstanceRunsError extends Error {
  override readonly name = "InstanceRunsError";
  constructor(instance: string) {
    super(`an instance named ${instance} already runs on this host; stop it first, or start another name`);
  }
}

/**
 * Takes the name of an instance for this process, for as long as it lives. Records the process, so that peers
 * recognise it.
 * @throws {InstanceRunsError} when another process has the name.
 */
export function takeInstanceName(
  stateDirectory: string,
  instance: string,
): { lock: OsLock; process: ProcessIdentity } {
  const lock = OsLock.tryAcquire(lockDirectory(stateDirectory), `instance ${instance}`);
  if (!lock) throw new InstanceRunsError(instance);
  const runner = identify(process.pid) as ProcessIdentity;
  new RunRegistry(stateDirectory).write({ holder: `instance-${instance}`, runner, command: null });
  return { lock, process: runner };
}
