import { existsSync, readFileSync, watch } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { isAlive, type ProcessIdentity } from "../../app/run/process-identity.ts";
import { type RunEntry, RunRegistry } from "../../app/run/run-registry.ts";
import { endProcess } from "../helpers/end-process.ts";
import type { TestHost } from "../helpers/test-host.ts";
import type { Instances } from "./instances.ts";
import type { PlannedKill, Victim } from "./plan.ts";
import { processesIn } from "./processes.ts";
import type { Progress } from "./progress.ts";

/** A kill as it really happened. */
export interface Kill {
  victim: Victim;
  /** What was killed: `runner 4711`, `command 4712`, `primary`. */
  hit: string[];
  /** How many runners it hit, and of which attempts it hit the command: `dep_… 1`. */
  runners: number;
  commands: string[];
  at: number;
}

/** A situation that does not come within this time is not waited for any longer. */
const SITUATION_LIMIT_MS = 2_000;
const LOOK_MS = 10;

/** Kills by plan, with SIGKILL, and notes whom it hit. */
export class Killer {
  readonly kills: Kill[] = [];
  #host: TestHost;
  #instances: Instances;
  #registry: RunRegistry;

  constructor(host: TestHost, instances: Instances) {
    this.#host = host;
    this.#instances = instances;
    this.#registry = new RunRegistry(host.stateDirectory);
  }

  /** Carries out all kills, each at its point of the sending. */
  async run(plan: readonly PlannedKill[], progress: Progress): Promise<void> {
    for (const kill of plan) {
      await progress.reached(kill.afterEvents);
      await this.#carryOut(kill);
    }
  }

  async #carryOut({ victim, delayMs, which }: PlannedKill): Promise<void> {
    const kill: Kill = { victim, hit: [], runners: 0, commands: [], at: 0 };
    this.kills.push(kill);
    const ended: ProcessIdentity[] = [];
    let entry: RunEntry | undefined;
    if (victim === "runner_at_claim") entry = await this.#untilClaimed();
    else if (victim === "runner_at_end") entry = await this.#untilEnded();
    else if (victim === "command" || victim === "runner_and_command") {
      // Commands are short: one that has just begun is there to be hit.
      entry = await this.#untilClaimed();
      while (entry && this.#isBusy(entry) && attemptOf(entry.command) === "") await setImmediate();
    } else if (victim.startsWith("runner")) entry = pick(this.#busy(), which) ?? (await this.#untilClaimed());
    await sleep(delayMs);
    kill.at = Date.now();
    // Where no runner is at work, an idle one will do.
    const runner = entry?.runner ?? pick(this.#idleRunners(), which);
    if (victim !== "instance" && victim !== "both_instances" && victim !== "command" && runner) {
      if (endProcess(runner)) {
        kill.hit.push(`runner ${runner.pid}`);
        kill.runners++;
        ended.push(runner);
      }
    }
    const command = entry && (this.#registry.read(entry.holder)?.command ?? entry.command);
    if ((victim === "command" || victim === "runner_and_command") && command) {
      const attempt = attemptOf(command);
      if (endProcess(command)) {
        kill.hit.push(`command ${command.pid}`);
        kill.commands.push(attempt);
        ended.push(command);
      }
    }
    const names =
      victim === "both_instances"
        ? (["primary", "backup"] as const)
        : victim === "instance" || victim === "runner_and_instance" || kill.hit.length === 0
          ? ([which < 0.5 ? "primary" : "backup"] as const)
          : [];
    kill.hit.push(...names);
    await Promise.all([...names.map((name) => this.#instances.kill(name)), ...ended.map(untilGone)]);
  }

  #busy(): RunEntry[] {
    return this.#registry.runners().filter((entry) => this.#isBusy(entry));
  }

  #idleRunners(): ProcessIdentity[] {
    return processesIn(this.#host.directory).filter(({ command }) => /\/run\/runner\.ts/.test(command));
  }

  #isBusy({ holder, runner }: RunEntry): boolean {
    return existsSync(this.#registry.payloadFile(holder)) && isAlive(runner);
  }

  /** Resolves when a runner has claimed, and writes the payload for its command; or when that does not happen. */
  #untilClaimed(): Promise<RunEntry | undefined> {
    return within((resolve, signal) => {
      const folder = join(this.#host.stateDirectory, "runs");
      watch(folder, { signal }, (_, name) => {
        const [, holder] = name?.match(/^(.*)\.payload\.json$/) ?? [];
        const entry = holder && this.#registry.read(holder);
        if (entry && this.#isBusy(entry)) resolve(entry);
      });
    });
  }

  /** Resolves when a command is about to end, with its runner, which will then record the result. */
  #untilEnded(): Promise<RunEntry | undefined> {
    return within((resolve, signal) => {
      watch(this.#host.traceFile, { signal }, () => {
        void lastLine(this.#host.traceFile).then((line) => {
          if (!line.startsWith("end ")) return;
          const [pid, began] = line.trim().split(" ").slice(7);
          const entry = this.#registry
            .runners()
            .find(({ command }) => command && String(command.pid) === pid && command.startTime === began);
          if (entry && this.#isBusy(entry)) resolve(entry);
        });
      });
    });
  }
}

function pick<T>(from: readonly T[], which: number): T | undefined {
  return from[Math.floor(which * from.length)];
}

/** A busy machine takes its time to end what was killed; until then it counts as alive. */
async function untilGone(identity: ProcessIdentity): Promise<void> {
  // The kernel tells only a parent when a process ends, and this is none.
  while (isAlive(identity)) await sleep(LOOK_MS);
}

/** Which attempt of which deployment a command works on, by its environment; empty before and after it does. */
export function attemptOf(command: ProcessIdentity | null): string {
  try {
    const environment = readFileSync(`/proc/${command?.pid}/environ`, "utf8").split("\0");
    const value = (name: string) =>
      environment.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
    const id = value("TWINHOOK_DEPLOYMENT_ID");
    return id ? `${id} ${value("TWINHOOK_ATTEMPT")}` : "";
  } catch {
    return "";
  }
}

async function within<T>(
  begin: (resolve: (found: T) => void, signal: AbortSignal) => void,
): Promise<T | undefined> {
  const abort = new AbortController();
  const { promise, resolve } = Promise.withResolvers<T | undefined>();
  const timer = setTimeout(() => resolve(undefined), SITUATION_LIMIT_MS);
  begin(resolve, abort.signal);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

const LAST_BYTES = 400;

async function lastLine(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - LAST_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LAST_BYTES), 0, LAST_BYTES, start);
    return buffer.toString("utf8", 0, bytesRead).trimEnd().split("\n").at(-1) ?? "";
  } finally {
    await file.close();
  }
}
