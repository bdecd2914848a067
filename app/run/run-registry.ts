import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isGone, type ProcessIdentity } from "./process-identity.ts";

/** The processes of a runner. Kept outside the store, since they mean nothing on another host. */
export interface RunEntry {
  /** The holder of the lease, as the store names it. */
  holder: string;
  runner: ProcessIdentity;
  /** The process group's leader: the command, or the shell that becomes it. Null before there is one. */
  command: ProcessIdentity | null;
}

/** The first letters of runners' names. Instances' names in the registry begin differently. */
const RUNNER_PREFIX = "run_";

/** The files in which a host's runners record themselves and their commands. */
export class RunRegistry {
  #directory: string;

  constructor(stateDirectory: string) {
    this.#directory = join(stateDirectory, "runs");
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  #file(holder: string): string {
    return join(this.#directory, `${holder}.json`);
  }
  #unfinished(holder: string): string {
    return `${this.#file(holder)}.new`;
  }

  /** Whether the folder with this host's state was deleted. */
  isDeleted(): boolean {
    return !existsSync(dirname(this.#directory));
  }

  /** Writes the whole entry, or nothing. */
  write(entry: RunEntry): void {
    const file = this.#file(entry.holder);
    const temporary = this.#unfinished(entry.holder);
    // The folder may have been deleted since.
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, JSON.stringify(entry), { mode: 0o600 });
    renameSync(temporary, file);
  }

  /** A new name for a runner, as the holder of its next lease. */
  newHolder(): string {
    return `${RUNNER_PREFIX}${randomUUID().replaceAll("-", "")}`;
  }

  /** All runners, busy or idle. */
  runners(): RunEntry[] {
    return this.list().filter(({ holder }) => holder.startsWith(RUNNER_PREFIX));
  }

  /** Runners whose process is gone, busy or idle when it ended. */
  abandoned(): RunEntry[] {
    return this.runners().filter(({ runner }) => isGone(runner));
  }

  read(holder: string): RunEntry | undefined {
    return readJson<RunEntry>(this.#file(holder));
  }

  /** Removes a runner, with the files that it used. */
  remove(holder: string): void {
    for (const file of [
      this.#unfinished(holder),
      this.outputPipe(holder),
      this.payloadFile(holder),
      // This file goes last, so that an interrupted removal is repeated.
      this.#file(holder),
    ])
      rmSync(file, { force: true });
  }

  /** All entries, also those from before a reboot. */
  list(): RunEntry[] {
    return this.#names()
      .filter((name) => name.endsWith(".json") && !name.endsWith(".payload.json"))
      .flatMap((name) => this.read(name.slice(0, -".json".length)) ?? []);
  }

  /** Tells the process `holder` of this instance that its lease was taken while it was stopped. */
  fence(instance: string, holder: string): void {
    writeFileSync(this.#fenceFile(instance), holder, { mode: 0o600 });
  }

  /** Whether the lease of this process was taken while it was stopped. */
  isFenced(instance: string, holder: string): boolean {
    const file = this.#fenceFile(instance);
    // Asked often, and hardly ever there: an error of a missing file would cost the most.
    if (!existsSync(file)) return false;
    try {
      return readFileSync(file, "utf8") === holder;
    } catch {
      return false;
    }
  }

  removeFence(instance: string): void {
    rmSync(this.#fenceFile(instance), { force: true });
  }

  #fenceFile(instance: string): string {
    return join(this.#directory, `instance-${instance}.fence`);
  }

  #names(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch {
      return [];
    }
  }

  /** The named pipe that a runner's command writes its output to. */
  outputPipe(holder: string): string {
    return join(this.#directory, `${holder}.pipe`);
  }
  /** The file with the payload for the command. */
  payloadFile(holder: string): string {
    return join(this.#directory, `${holder}.payload.json`);
  }
}

/** The content of a file; undefined where it does not exist, or is incomplete. */
function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}
