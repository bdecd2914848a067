import type { Clock } from "../clock.ts";
import { groupMembers, type ProcessIdentity, signalGroup } from "./process-identity.ts";
import type { RunRegistry } from "./run-registry.ts";

/** How long a process group may take to end by itself before it is killed. */
const TERM_GRACE_MS = 10_000;
const CHECK_MS = 25;

/**
 * Ends a whole process group: SIGTERM, 10 s, SIGKILL. Resolves when no member is left. Calls `onRefused` once when a
 * signal reaches no member, since the rest belong to another user. It waits for these to end by themselves.
 */
export async function endGroup(
  leader: ProcessIdentity,
  clock: Clock,
  onRefused: () => void = () => {},
): Promise<void> {
  if (groupMembers(leader).length === 0) return;
  let refused = false;
  const signal = (name: NodeJS.Signals) => {
    if (signalGroup(leader, name) || refused) return;
    refused = true;
    onRefused();
  };
  signal("SIGTERM");
  // A stopped process does not receive SIGTERM before it continues.
  signalGroup(leader, "SIGCONT");
  const until = clock.monotonic() + TERM_GRACE_MS;
  while (groupMembers(leader).length > 0) {
    // It ends sudo, but not the command that sudo began: only the next one is refused.
    if (clock.monotonic() > until) signal("SIGKILL");
    await clock.sleep(CHECK_MS);
  }
}

/** What is said where a command may not be ended. */
export const MAY_NOT_BE_ENDED = "it belongs to another user, and may not be ended; waiting for its own end";

/**
 * Ends the remaining processes of a dead runner's command. The caller holds the target's lock, which proves
 * that the runner is dead. `onRefused` is as for `endGroup`.
 */
export async function endLeftovers(
  registry: RunRegistry,
  holder: string,
  clock: Clock,
  onRefused: () => void,
): Promise<void> {
  const command = registry.read(holder)?.command;
  if (command) await endGroup(command, clock, onRefused);
  registry.remove(holder);
}
