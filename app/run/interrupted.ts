import type { Clock } from "../clock.ts";
import { groupMembers, type ProcessIdentity, signalGroup } from "./process-identity.ts";
import type { RunRegistry } from "./run-registry.ts";

/** How long a process group may take to end by itself before it is killed. */
const TERM_GRACE_MS = 10_000;
const CHECK_MS = 25;

/**
 * Ends a whole process group: SIGTERM, 10 s, SIGKILL. Resolves when no member is left. Where the signal is
 * not permitted, calls `onRefused` and waits for the group's own end.
 */
export async function endGroup(
  leader: ProcessIdentity,
  clock: Clock,
  onRefused: () => void = () => {},
): Promise<void> {
  if (groupMembers(leader).length === 0) return;
  if (!signalGroup(leader, "SIGTERM")) onRefused();
  // A stopped process does not receive SIGTERM before it continues.
  signalGroup(leader, "SIGCONT");
  const until = clock.monotonic() + TERM_GRACE_MS;
  while (groupMembers(leader).length > 0) {
    if (clock.monotonic() > until) signalGroup(leader, "SIGKILL");
    await clock.sleep(CHECK_MS);
  }
}

/**
 * Ends the remaining processes of a dead runner's command. The caller holds the target's lock, which proves
 * that the runner is dead.
 */
export async function endLeftovers(registry: RunRegistry, holder: string, clock: Clock): Promise<void> {
  const command = registry.read(holder)?.command;
  if (command) await endGroup(command, clock);
  registry.remove(holder);
}
