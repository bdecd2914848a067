import { chmodSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Only the instances' user may read the files that they write. */
const PRIVATE_UMASK = 0o077;
/** The variable that tells child processes the umask for commands. */
export const UMASK_VARIABLE = "TWINHOOK_UMASK";

/** Makes every file of this process and its children private. Keeps the former umask for commands. */
export function keepFilesPrivate(env: NodeJS.ProcessEnv): void {
  const before = process.umask(PRIVATE_UMASK);
  env[UMASK_VARIABLE] ??= before.toString(8).padStart(4, "0");
}

/**
 * The umask with which the operator started Twinhook. Files that a command makes are not Twinhook's to hide.
 */
export function commandUmask(env: NodeJS.ProcessEnv): string {
  const umask = env[UMASK_VARIABLE] ?? "";
  return /^[0-7]{3,4}$/.test(umask) ? umask : "0022";
}

/**
 * Takes other users' rights from these files and folders, and from everything in them. Earlier releases gave
 * them some.
 */
export function narrow(paths: readonly string[], onRefused: (path: string, error: Error) => void): void {
  for (const path of paths)
    try {
      const { mode } = lstatSync(path);
      if ((mode & PRIVATE_UMASK) !== 0) chmodSync(path, mode & 0o700);
      if ((mode & 0o170000) === 0o040000)
        narrow(
          readdirSync(path).map((name) => join(path, name)),
          onRefused,
        );
    } catch (error) {
      // The file does not exist, or has just been removed.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") onRefused(path, error as Error);
    }
}
