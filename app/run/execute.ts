import { constants as access, accessSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, resolve } from "node:path";
import type { Clock } from "../clock.ts";
import { scriptFault } from "../config/checks/script-fault.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { Ending } from "../queue/finish.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import { commandEnvironment } from "./command-environment.ts";
import { endGroup, MAY_NOT_BE_ENDED } from "./interrupted.ts";
import type { Launcher, ProcessEnd } from "./launcher.ts";
import type { OutputLog } from "./output-log.ts";
import { commandUmask } from "./private-files.ts";
import { type Verify, verifySite } from "./verify-site.ts";

/** A shell's exit code for a command that it cannot find. */
const NOT_FOUND = 127;

/** Why the runner ended a command. */
export type EndedBy = "time_limit" | "cancel" | "lease_lost";

/** Hears how the verification of a deployment goes. */
export interface VerificationProgress {
  /** The command has succeeded; the site is asked once this has resolved. */
  begin(url: string): Promise<void>;
  /** A new answer that is not the wanted one. */
  answered(answer: string): void;
}

export interface Execution {
  /**
   * Resolves when the command's main process has ended, and `verify` is done. If the runner ended the command, its
   * whole group has ended too.
   */
  result: Promise<Ending & { endedBy: EndedBy | null }>;
  /** Ends the command and everything in its process group; after the command, it ends the verification. */
  end(by: EndedBy): void;
}

/**
 * Starts the command of a deployment in a process group of its own. Background children that it leaves behind
 * run on.
 * @throws {Error} where there is no such command, or it must not be executed.
 */
export function execute(options: {
  deployment: DeploymentRecord;
  target: TargetConfig;
  inherited: Record<string, string>;
  launcher: Launcher;
  /** The file from which the command reads its request's payload. */
  payloadFile: string;
  log: OutputLog;
  clock: Clock;
  progress: VerificationProgress;
}): Execution {
  const { deployment, target, inherited, launcher, payloadFile, log, clock, progress } = options;
  const argv = target.run as [string, ...string[]];
  mkdirSync(dirname(payloadFile), { recursive: true, mode: 0o700 });
  writeFileSync(payloadFile, deployment.payload ?? "null", { mode: 0o600 });
  // A path is checked here, where the error can name it. Other names are searched along the PATH.
  const program = argv[0].includes("/") ? resolve(target.directory, argv[0]) : null;
  if (program !== null) accessSync(program, access.X_OK);
  const environment = commandEnvironment(deployment, target, inherited, payloadFile);
  const secret = new Set([...Object.keys(target.env), ...target.pass_env]);
  const umask = commandUmask(process.env);
  launcher.launch({ argv, directory: target.directory, environment, secret, umask });

  let endedBy: EndedBy | null = null;
  let commandEnded = false;
  const verification = new AbortController();
  let ending: Promise<void> | undefined;
  const end = (by: EndedBy) => {
    if (endedBy) return;
    endedBy = by;
    verification.abort();
    // Processes that it left behind run on.
    if (commandEnded) return;
    log.note(`${DESCRIPTIONS[by](target)}; ending the command`);
    ending = endGroup(launcher.identity, clock, () => log.note(MAY_NOT_BE_ENDED));
  };
  const limit = setTimeout(() => end("time_limit"), target.timeout);

  return { result: settle(), end };

  async function settle(): Promise<Ending & { endedBy: EndedBy | null }> {
    const result = await launcher.ended;
    clearTimeout(limit);
    await ending;
    commandEnded = true;
    rmSync(payloadFile, { force: true });
    const { exitCode } = result;
    const answer = exitCode === 0 && !endedBy && target.verify ? await verify(target.verify) : undefined;
    if (endedBy) {
      const status = endedBy === "cancel" ? "cancelled" : "failed";
      return { status, exitCode, reason: DESCRIPTIONS[endedBy](target), endedBy };
    }
    if (answer)
      return { status: "failed", exitCode, reason: faultOf(target.verify, answer), endedBy, answer };
    if (exitCode === 0) return { status: "succeeded", exitCode, reason: null, endedBy, answer };
    return {
      status: "failed",
      exitCode: exitCode ?? signalExitCode(result.signal),
      reason: explain(
        result,
        NOT_FOUND === exitCode && program ? scriptFault(program, environment.PATH) : null,
      ),
      endedBy,
    };
  }

  /** The last answer of the site; null where it shows the deployment. */
  async function verify(site: Verify): Promise<string | null> {
    await Promise.all([log.settle(), progress.begin(site.url)]);
    const say = (text: string) => {
      log.note(text);
      void log.store().catch(() => {});
    };
    say(`the command ended with 0; asking ${site.url} for up to ${site.within / 1000} s`);
    const { signal } = verification;
    const onAnswer = (answer: string) => {
      progress.answered(answer);
      say(`${site.url} answered ${answer}; asking again`);
    };
    const answer = await verifySite({ verify: site, deployment, clock, signal, onAnswer });
    if (!endedBy) say(answer === null ? `verified: ${site.url} answered as expected` : faultOf(site, answer));
    return answer;
  }
}

/** Why a deployment has failed although its command succeeded. */
function faultOf(site: Verify | null, answer: string): string {
  return `the command ended with 0, but ${site?.url} answered ${answer}`;
}

const DESCRIPTIONS: Record<EndedBy, (target: TargetConfig) => string> = {
  time_limit: (target) => `the time limit of ${target.timeout / 1000} s was reached`,
  cancel: () => "cancelled while it ran",
  lease_lost: () => "the worker could not renew its lease, so that another host may take over",
};

/** The exit code that a shell reports for a signal. */
function signalExitCode(signal: NodeJS.Signals | null): number | null {
  return signal === null ? null : 128 + constants.signals[signal];
}

function explain({ exitCode, signal }: ProcessEnd, fault: string | null): string {
  if (signal) return `the command was ended by ${signal}`;
  return `the command exited with code ${exitCode}${fault === null ? "" : `: ${fault}`}`;
}
