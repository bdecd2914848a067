import { isAlive, type ProcessIdentity } from "../../app/run/process-identity.ts";

/** Ends exactly this process, with SIGKILL; false where it has ended by itself. */
export function endProcess(identity: ProcessIdentity): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, "SIGKILL");
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    return false;
  }
}
