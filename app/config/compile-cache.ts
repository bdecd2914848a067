import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** The folder in which Node keeps compiled code. An instance that starts again needs half the time for it. */
export function compileCache(stateDirectory: string): string {
  // Node would make the state directory, too, and open it to everyone.
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  return join(stateDirectory, "compile-cache");
}
