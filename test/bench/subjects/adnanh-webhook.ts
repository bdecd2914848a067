import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePort } from "../../helpers/free-ports.ts";
import { noteRunning } from "./running.ts";
import { startServer } from "./server-process.ts";
import type { Subject } from "./subject.ts";

/** Where adnanh/webhook is installed, or undefined where it is not. @see https://github.com/adnanh/webhook */
export function findAdnanhWebhook(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders
    .map((folder) => join(folder, "webhook"))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** adnanh/webhook with one hook: it verifies the signature, runs the command, and keeps nothing. */
export async function startAdnanhWebhook(
  binary: string,
  options: { secret: string; command: string },
): Promise<Subject> {
  const directory = mkdtempSync(join(tmpdir(), "twinhook-bench-webhook-"));
  const hooks = join(directory, "hooks.json");
  const rule = {
    type: "payload-hmac-sha256",
    secret: options.secret,
    parameter: { source: "header", name: "X-Hub-Signature-256" },
  };
  const hook = {
    id: "deploy",
    "execute-command": options.command,
    "command-working-directory": directory,
    "trigger-rule": { match: rule },
    // Otherwise it answers 200 even to what it refuses.
    "trigger-rule-mismatch-http-response-code": 401,
  };
  writeFileSync(hooks, JSON.stringify([hook]), { mode: 0o600 });
  const port = await freePort();
  const server = await startServer(binary, ["-hooks", hooks, "-ip", "127.0.0.1", "-port", String(port)], {
    port,
    directory,
  });
  return noteRunning({
    name: "adnanh/webhook",
    entrance: { host: "127.0.0.1", port, path: "/hooks/deploy", secret: options.secret },
    pid: server.pid,
    async stop() {
      await server.end();
      rmSync(directory, { recursive: true, force: true });
    },
  });
}
