import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { mainFile } from "../bundle/entry-points.ts";
import { CommandFailure, EXIT } from "./failure.ts";

/** `twinhook demo`: `npm run demo`, from any folder. */
export async function demo(isOnce: boolean): Promise<number> {
  const main = fileURLToPath(mainFile("demo"));
  if (!existsSync(main))
    throw new CommandFailure(
      EXIT.failed,
      "this installation has no demo: clone the repository, and run `npm ci && npm run demo` there",
    );
  const child = spawn(process.execPath, [main, ...(isOnce ? ["--once"] : [])], { stdio: "inherit" });
  // A terminal sends Ctrl-C to both: the demo ends itself, in order.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
