import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** How long a release may take to check the configuration (ms). */
const CHECK_LIMIT_MS = 60_000;

/** An installed copy of Twinhook. */
export interface Release {
  /** Its main file, without links. */
  main: string;
  /** The Node.js that it brings, or else the one of this process. */
  node: string;
}

/**
 * The release that the path of this process's main file leads to now. If a link on the way was moved since the start,
 * it is another one than that of this process.
 * @throws {Error} when nothing is there.
 */
export function currentRelease(path = process.argv[1] as string): Release {
  let main: string;
  try {
    main = realpathSync(path);
  } catch (error) {
    throw new Error(
      `expected a release of Twinhook at ${path}, got ${(error as NodeJS.ErrnoException).code}; correct the link, and restart again`,
    );
  }
  const manifest = findPackageJSON(pathToFileURL(main));
  const node = manifest && join(dirname(manifest), "node_modules/.bin/node");
  return { main, node: node && existsSync(node) ? node : process.execPath };
}

/**
 * Has a release check the configuration, as `twinhook check` does.
 * @throws {Error} when it refuses it, or does not run.
 */
export async function checkBy({ main, node }: Release, env: NodeJS.ProcessEnv): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    execFile(node, [main, "--check"], { env, timeout: CHECK_LIMIT_MS }, (error, out, err) => {
      if (!error) resolve();
      else
        reject(
          new Error(
            `${main} refuses the configuration, and nothing was restarted: ${(err || out || error.message).trim()}`,
          ),
        );
    });
  });
}
