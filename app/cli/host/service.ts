import { setTimeout as sleep } from "node:timers/promises";
import { localInstances } from "../../config/checks/running-service.ts";
import type { Config } from "../../config/load.ts";
import { ConfigError, formatProblem, UNUSABLE } from "../../config/problem.ts";
import { isAlive } from "../../run/process-identity.ts";
import { type Outcome, readServiceRecord, recordOf, SUPERVISOR } from "../../run/service-record.ts";
import { CommandFailure, EXIT } from "../failure.ts";
import type { CommonOptions } from "../options.ts";
import { configOf } from "../settings.ts";
import { printJson, type Terminal } from "../terminal.ts";

const LOOK_MS = 50;
const SIGNALS = { reload: "SIGHUP", restart: "SIGUSR2" } as const;

/** `twinhook reload`: every instance of this host takes the configuration and `.env` as they are now. */
export async function reload(terminal: Terminal, options: CommonOptions): Promise<number> {
  const config = await usable(terminal, options);
  if (typeof config === "number") return config;
  const names = [SUPERVISOR, ...localInstances(config).map(({ name }) => recordOf(name))];
  const running = names.filter((name) => isRunning(config, name));
  if (running.length === 0) throw noService(config);
  // Instances that nothing supervises are asked one after the other.
  const asked = running[0] === SUPERVISOR ? [SUPERVISOR] : running;
  return actOn(terminal, options, config, "reload", asked);
}

/** `twinhook restart`: starts the instances of this host anew, one after the other. Each hands over first. */
export async function restart(terminal: Terminal, options: CommonOptions): Promise<number> {
  const config = await usable(terminal, options);
  if (typeof config === "number") return config;
  if (!isRunning(config, SUPERVISOR)) {
    const alone = localInstances(config).find(({ name }) => isRunning(config, recordOf(name)));
    if (!alone) throw noService(config);
    throw new CommandFailure(
      EXIT.failed,
      `${alone.name} runs without a supervisor; restart each instance by what started it, one after the other (systemctl restart twinhook@${alone.name})`,
    );
  }
  return actOn(terminal, options, config, "restart", [SUPERVISOR]);
}

/** The configuration; an exit code where it cannot be used, and JSON has said why. */
async function usable(terminal: Terminal, { json }: CommonOptions): Promise<Config | number> {
  try {
    return await configOf(terminal);
  } catch (error) {
    if (!json || !(error instanceof ConfigError)) throw error;
    printJson(terminal, { problems: error.problems.map(formatProblem) });
    return UNUSABLE;
  }
}

function isRunning({ stateDirectory }: Config, name: string): boolean {
  const record = readRecord(stateDirectory, name);
  return record !== undefined && isAlive(record.process);
}

function readRecord(stateDirectory: string, name: string) {
  try {
    return readServiceRecord(stateDirectory, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") throw otherUser();
    throw error;
  }
}

function otherUser(): CommandFailure {
  return new CommandFailure(
    EXIT.notAllowed,
    "the service belongs to another user: run the command as that user (sudo -u)",
  );
}

function noService({ stateDirectory }: Config): CommandFailure {
  return new CommandFailure(
    EXIT.unavailable,
    `no instance runs here (none has its files in ${stateDirectory}); start them with \`twinhook start\`, or restart the service where \`store\` has changed (systemctl restart twinhook)`,
  );
}

async function actOn(
  terminal: Terminal,
  { json }: CommonOptions,
  { stateDirectory }: Config,
  act: Outcome["act"],
  names: readonly string[],
): Promise<number> {
  const signal = terminal.interrupted();
  let outcome: Outcome | undefined;
  for (const name of names) {
    terminal.progress(act === "reload" ? "the instances take the configuration …" : "restarting …");
    outcome = await ask(stateDirectory, name, act, signal);
    if (outcome.code !== EXIT.done) break;
  }
  const { problems = [], code = EXIT.done } = outcome ?? {};
  if (json) printJson(terminal, { problems });
  else if (problems.length === 0)
    terminal.write(
      act === "reload"
        ? "every instance has the configuration as it is now\n"
        : "every instance was restarted\n",
    );
  else terminal.note(`twinhook: ${act}: refused or failed:\n${problems.map((one) => `  ${one}`).join("\n")}`);
  return code;
}

/** Asks a process by a signal, and waits until it has noted what became of that. */
async function ask(
  stateDirectory: string,
  name: string,
  act: Outcome["act"],
  signal: AbortSignal,
): Promise<Outcome> {
  const askedAt = Date.now();
  const asked = readRecord(stateDirectory, name);
  try {
    process.kill(asked?.process.pid as number, SIGNALS[act]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EPERM") throw otherUser();
    throw error;
  }
  for (;;) {
    const record = readRecord(stateDirectory, name);
    if (record?.last && record.last.act === act && record.last.begunAt >= askedAt) return record.last;
    if (!record || !isAlive(record.process))
      throw new CommandFailure(EXIT.failed, "the service has ended meanwhile; its log says why");
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted)
      throw new CommandFailure(
        EXIT.interrupted,
        `interrupted; the ${act} goes on, and the log of the service says how it ends`,
      );
  }
}
