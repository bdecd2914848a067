import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { WEBHOOK_PATH } from "../../../shared/deployment-request.ts";
import { TestHost } from "../../helpers/test-host.ts";
import type { GitHub } from "../../simulator/simulator.ts";
import { type Build, OWN_BUILD } from "../other-build.ts";
import { noteRunning } from "./running.ts";
import { startServer } from "./server-process.ts";
import type { Subject } from "./subject.ts";

/** An instance of Twinhook, which alone of the subjects remembers what it accepted. */
export interface TwinhookSubject extends Subject {
  /** How many events the store holds. */
  deliveries(): number;
  /** Where its pages are. */
  url: string;
}

/**
 * Starts one instance with its own store (SQLite, every commit on the disk before the answer) and one target,
 * which takes every run. It logs as much as bare Probot does here.
 */
export async function startTwinhook(
  github: GitHub,
  options: {
    name: string;
    command: readonly string[];
    queue: "latest" | "all";
    /** Default: the build that these files are. */
    build?: Build;
    /** Makes the store at this path before the instance starts. */
    prepare?: (path: string) => Promise<void>;
  },
): Promise<TwinhookSubject> {
  const host = await TestHost.create({
    github,
    config: { failover: {} },
    instances: ["bench"],
    targets: [{ run: options.command, queue: options.queue, timeout: "1h" }],
    env: { LOG_LEVEL: "warn" },
  });
  const { port } = new URL(host.url("bench"));
  const path = join(host.stateDirectory, "twinhook.db");
  mkdirSync(host.stateDirectory, { recursive: true });
  await options.prepare?.(path);
  const { main, nodeOptions } = options.build ?? OWN_BUILD;
  const server = await startServer(process.execPath, [...nodeOptions, main, "--instance", "bench"], {
    port: Number(port),
    directory: host.directory,
    env: host.env,
  }).catch(async (error) => {
    await host.close();
    throw error;
  });
  return noteRunning({
    name: options.name,
    entrance: {
      host: "127.0.0.1",
      port: Number(port),
      path: WEBHOOK_PATH,
      secret: github.app.webhookSecret,
    },
    pid: server.pid,
    url: host.url("bench"),
    deliveries() {
      const store = new DatabaseSync(path, {
        readOnly: true,
        timeout: 5_000,
      });
      try {
        const row = store.prepare("SELECT count(*) AS count FROM deliveries").get();
        return Number(row?.count);
      } finally {
        store.close();
      }
    },
    async stop() {
      await server.end();
      await host.close();
    },
  });
}
