import { type ChildProcess, spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { DeploymentRecord } from "../queue/claim.ts";
import type { Ending } from "../queue/finish.ts";
import { commandEnvironment } from "./command-environment.ts";
import { endGroup } from "./interrupted.ts";
import type { OutputLog } from "./output-log.ts";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import type { RunRegistry } from "./run-registry.ts";

/** Why a command was ended before it ended by itself. */
export type EndedBy = "time_limit" | "cancel" | "lease_lost";

export interface Execution {
  /** Resolves when the command's main process has ended (and its whole group, if it was made to end). */
  result: Promise<Ending & { endedBy: EndedBy | null }>;
  /** Ends the command and everything in its process group. */
  end(by: EndedBy): void;
}

/**
 * Starts the command of a deployment in a process group of its own, with its output going to `log`.
 * Background children that it leaves behind are left alone.
 */
export function execute(options: {
  deployment: DeploymentRecord;
  target: TargetConfig;
  inherited: Record<string, string>;
  registry: RunRegistry;
  holder: string;
  log: OutputLog;
  clock: Clock;
}): Execution {
  const { deployment, target, inherited, registry, holder, log, clock } = options;
  const payloadFile = registry.payloadFile(holder);
  writeFileSync(payloadFile, deployment.payload ?? "null", { mode: 0o600 });
  const [file, ...args] = target.run as [string, ...string[]];
  // Node's own function, since all that a library adds to it would delay the command's first instruction.
  const child = spawn(file, args, {
    cwd: target.directory,
    env: commandEnvironment(deployment, target, inherited, payloadFile),
    stdio: ["ignore", log.input, log.input],
    // A session and process group of its own, which outlives the runner if it must.
    detached: true,
  });
  const ended = endOf(child);
  log.handedOver();
  const command = child.pid === undefined ? undefined : identify(child.pid);
  if (command) note(command);

  let endedBy: EndedBy | null = null;
  let ending: Promise<void> | undefined;
  const end = (by: EndedBy) => {
    if (ending || !command) return;
    endedBy = by;
    log.note(`${DESCRIPTIONS[by](target)}; ending the command`);
    ending = endGroup(command, clock);
  };
  const limit = setTimeout(() => end("time_limit"), target.timeout);

  return { result: settle(), end };

  function note(leader: ProcessIdentity): void {
    const runner = identify(process.pid) as ProcessIdentity;
    try {
      registry.write({ holder, runner, command: leader });
    } catch (error) {
      // On a full disk, say. The command runs all the same, and whoever looks for it knows it by its environment.
      log.note(`the command could not be noted in the process registry: ${(error as Error).message}`);
    }
  }

  async function settle(): Promise<Ending & { endedBy: EndedBy | null }> {
    const result = await ended;
    clearTimeout(limit);
    await ending;
    rmSync(payloadFile, { force: true });
    const { exitCode } = result;
    if (endedBy) {
      const status = endedBy === "cancel" ? "cancelled" : "failed";
      return { status, exitCode, reason: DESCRIPTIONS[endedBy](target), endedBy };
    }
    if (exitCode === 0) return { status: "succeeded", exitCode, reason: null, endedBy };
    return {
      status: "failed",
      exitCode: exitCode ?? signalExitCode(result.signal),
      reason: explain(result),
      endedBy,
    };
  }
}

const DESCRIPTIONS: Record<EndedBy, (target: TargetConfig) => string> = {
  time_limit: (target) => `the time limit of ${target.timeout / 1000} s was reached`,
  cancel: () => "cancelled while it ran",
  lease_lost: () => "the runner could not renew its lease, so that another host may take over",
};

/** How a process ended, or why it never began. */
interface ProcessEnd {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  error: Error | null;
}

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ exitCode: null, signal: null, error }));
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal, error: null }));
  });
}

/** As a shell would report it. */
function signalExitCode(signal: NodeJS.Signals | null): number | null {
  return signal === null ? null : 128 + constants.signals[signal];
}

function explain({ exitCode, signal, error }: ProcessEnd): string {
  if (error) return `the command could not be started: ${error.message}`;
  return signal ? `the command was ended by ${signal}` : `the command exited with code ${exitCode}`;
}
