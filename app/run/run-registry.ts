import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isGone, type ProcessIdentity } from "./process-identity.ts";

/** Which processes a runner consists of; kept outside the store, since it says nothing beyond this host. */
export interface RunEntry {
  /** The holder of the lease, as the store names it. */
  holder: string;
  runner: ProcessIdentity;
  /** The command, or what waits to become it, which leads its process group; null before there is any. */
  command: ProcessIdentity | null;
}

/** What the names of runners begin with, other than those of instances. */
const RUNNER_PREFIX = "run_";

/** The files in which a host's runners note themselves and their commands. */
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

  /** Writes the entry whole, or not at all. */
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

  /** The runners, at work or waiting for work. */
  runners(): RunEntry[] {
    return this.list().filter(({ holder }) => holder.startsWith(RUNNER_PREFIX));
  }

  /** Those whose process is gone, whether it was killed at work or while it waited for work. */
  abandoned(): RunEntry[] {
    return this.runners().filter(({ runner }) => isGone(runner));
  }

  read(holder: string): RunEntry | undefined {
    return readJson<RunEntry>(this.#file(holder));
  }

  /** Forgets a runner, with the files that it used. */
  remove(holder: string): void {
    for (const file of [
      this.#unfinished(holder),
      this.outputPipe(holder),
      this.payloadFile(holder),
      // Last, so that a removal that is cut short is taken up again.
      this.#file(holder),
    ])
      rmSync(file, { force: true });
  }

  /** All entries; those of commands that were ended by a reboot included. */
  list(): RunEntry[] {
    return this.#names()
      .filter((name) => name.endsWith(".json") && !name.endsWith(".payload.json"))
      .flatMap((name) => this.read(name.slice(0, -".json".length)) ?? []);
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
  /** Where a command finds its request's payload. */
  payloadFile(holder: string): string {
    return join(this.#directory, `${holder}.payload.json`);
  }
}

/** What a file holds; undefined where there is none, or it was not finished. */
function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}
