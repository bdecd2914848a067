import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WEBHOOK_PATH } from "../../../shared/deployment-request.ts";
import { freePort } from "../../helpers/free-ports.ts";
import type { GitHub } from "../../simulator/simulator.ts";
import { noteRunning } from "./running.ts";
import { startServer } from "./server-process.ts";
import type { Subject } from "./subject.ts";

/** Probot's own server, which verifies and parses each event and keeps nothing. */
export async function startProbot(github: GitHub): Promise<Subject> {
  const directory = mkdtempSync(join(tmpdir(), "twinhook-bench-probot-"));
  const port = await freePort();
  const server = await startServer(
    process.execPath,
    [fileURLToPath(new URL("./probot-server.ts", import.meta.url))],
    {
      port,
      directory,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...github.environment(),
        PORT: String(port),
        LOG_LEVEL: "warn",
      },
    },
  );
  return noteRunning({
    name: "bare Probot 14, empty handler",
    entrance: { host: "127.0.0.1", port, path: WEBHOOK_PATH, secret: github.app.webhookSecret },
    pid: server.pid,
    async stop() {
      await server.end();
      rmSync(directory, { recursive: true, force: true });
    },
  });
}
