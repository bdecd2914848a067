import { lockDirectory, OsLock } from "./os-lock.ts";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import { RunRegistry } from "./run-registry.ts";

/** A second process wants the name of an instance that already runs. */
export class InstanceRunsError extends Error {
  override readonly name = "InstanceRunsError";
  constructor(instance: string) {
    super(`an instance named ${instance} already runs on this host; stop it first, or start another name`);
  }
}

/**
 * Takes the name of an instance for this process, for as long as it lives, and notes the process, so that a
 * twin knows it for one of its kind.
 * @throws {InstanceRunsError} when another process has it.
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
