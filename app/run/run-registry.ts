import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "./process-identity.ts";

/** Which processes a runner consists of; kept outside the store, since it says nothing beyond this host. */
export interface RunEntry {
  /** The holder of the lease, as the store names it. */
  holder: string;
  runner: ProcessIdentity;
  /** The command, which leads its process group; null until it has been started. */
  command: ProcessIdentity | null;
}

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

  /** Writes the entry whole, or not at all. */
  write(entry: RunEntry): void {
    const file = this.#file(entry.holder);
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(entry), { mode: 0o600 });
    renameSync(temporary, file);
  }

  read(holder: string): RunEntry | undefined {
    try {
      return JSON.parse(readFileSync(this.#file(holder), "utf8")) as RunEntry;
    } catch {
      return undefined;
    }
  }

  /** Forgets that a runner works on something; it stays ready. */
  forgetProcesses(holder: string): void {
    rmSync(this.#file(holder), { force: true });
  }

  /** Forgets a runner, with the files that it used. */
  remove(holder: string): void {
    for (const file of [this.#file(holder), this.outputPipe(holder), this.payloadFile(holder)])
      rmSync(file, { force: true });
  }

  /** All entries; those of commands that were ended by a reboot included. */
  list(): RunEntry[] {
    return readdirSync(this.#directory)
      .filter((name) => name.endsWith(".json"))
      .flatMap((name) => this.read(name.slice(0, -".json".length)) ?? []);
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
