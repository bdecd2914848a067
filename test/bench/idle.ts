import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { READINESS_PATH } from "../../app/http/health-routes.ts";
import { TestHost } from "../helpers/test-host.ts";
import type { GitHub } from "../simulator/simulator.ts";
import { usageOf } from "./process-tree.ts";
import { startProbot } from "./subjects/probot.ts";
import { noteRunning } from "./subjects/running.ts";
import { startServer } from "./subjects/server-process.ts";

const MAIN = resolve(import.meta.dirname, "../../app/main.js");
/** The first scans, the warming of workers and the shrinking of heaps are over by then. */
const SETTLE_MS = 60_000;
const READY_LIMIT_MS = 60_000;
const LOOK_MS = 25;

/** What a pair uses that has nothing to do. */
export interface IdleUsage {
  subject: string;
  processes: number;
  /** Processor time from the start until both answer. */
  startCpuMs: number;
  /** Processor time of the idle pair, as a minute of it would take. */
  cpuMsPerMinute: number;
  pssBytes: number;
}

/** Measures an idle pair beside bare Probot twice, each alone on the machine. */
export async function measureIdle(
  github: GitHub,
  { idleSeconds }: { idleSeconds: number },
  note: (line: string) => void,
): Promise<IdleUsage[]> {
  note("idle: a pair of Twinhook");
  const pair = await startPair(github);
  const ours = await measure("a pair of Twinhook", [pair], idleSeconds);
  note("idle: bare Probot twice");
  const probots = [await startProbot(github), await startProbot(github)];
  return [ours, await measure("bare Probot 14, twice", probots, idleSeconds)];
}

async function measure(
  subject: string,
  roots: readonly { pid: number; stop(): Promise<void> }[],
  seconds: number,
): Promise<IdleUsage> {
  const look = () => {
    const usages = roots.map(({ pid }) => usageOf(pid));
    const sum = (key: "processes" | "cpuMs" | "pssBytes") => usages.reduce((all, one) => all + one[key], 0);
    return { processes: sum("processes"), cpuMs: sum("cpuMs"), pssBytes: sum("pssBytes") };
  };
  try {
    const ready = look();
    await sleep(SETTLE_MS);
    const before = look();
    const began = performance.now();
    await sleep(seconds * 1000);
    const { processes, cpuMs, pssBytes } = look();
    const cpuMsPerMinute = ((cpuMs - before.cpuMs) * 60_000) / (performance.now() - began);
    return { subject, processes, startCpuMs: ready.cpuMs, cpuMsPerMinute, pssBytes };
  } finally {
    await Promise.all(roots.map((root) => root.stop()));
  }
}

/** Starts the service as `npm start` does, and resolves when both instances are ready. */
async function startPair(github: GitHub) {
  const host = await TestHost.create({
    github,
    config: { failover: {} },
    instances: ["a", "b"],
    targets: [{ run: ["true"] }],
    env: { LOG_LEVEL: "warn" },
  });
  mkdirSync(host.stateDirectory, { recursive: true });
  const port = Number(new URL(host.url("a")).port);
  const server = await startServer(process.execPath, [MAIN], {
    port,
    directory: host.directory,
    env: host.env,
  }).catch(async (error) => {
    await host.close();
    throw error;
  });
  const pair = noteRunning({
    name: "a pair of Twinhook",
    entrance: { host: "127.0.0.1", port, path: "/", secret: "" },
    pid: server.pid,
    async stop() {
      // Instances end with their supervisor.
      await server.end();
      await host.close();
    },
  });
  const until = performance.now() + READY_LIMIT_MS;
  while (!(await areReady([host.url("a", READINESS_PATH), host.url("b", READINESS_PATH)]))) {
    if (performance.now() > until) {
      await pair.stop();
      throw new Error(`the pair is not ready after ${READY_LIMIT_MS / 1000} s; expected 200 from both`);
    }
    await sleep(LOOK_MS);
  }
  return pair;
}

async function areReady(urls: readonly string[]): Promise<boolean> {
  const answers = await Promise.all(urls.map((url) => fetch(url).catch(() => undefined)));
  return answers.every((answer) => answer?.ok === true);
}
