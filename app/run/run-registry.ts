import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "./process-identity.ts";

/** Which processes work on a deployment; kept outside the store, since it says nothing beyond this host. */
export interface RunEntry {
  deploymentId: string;
  /** The lease's holder. */
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

  #file(deploymentId: string): string {
    return join(this.#directory, `${deploymentId}.json`);
  }

  /** Writes the entry whole, or not at all. */
  write(entry: RunEntry): void {
    const file = this.#file(entry.deploymentId);
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(entry), { mode: 0o600 });
    renameSync(temporary, file);
  }

  read(deploymentId: string): RunEntry | undefined {
    try {
      return JSON.parse(readFileSync(this.#file(deploymentId), "utf8")) as RunEntry;
    } catch {
      return undefined;
    }
  }

  remove(deploymentId: string): void {
    rmSync(this.#file(deploymentId), { force: true });
  }

  /** All entries; those of commands that were ended by a reboot included. */
  list(): RunEntry[] {
    return readdirSync(this.#directory)
      .filter((name) => name.endsWith(".json"))
      .flatMap((name) => this.read(name.slice(0, -".json".length)) ?? []);
  }

  /** Where the output of a command is gathered while it runs. */
  outputFile(deploymentId: string): string {
    return join(this.#directory, `${deploymentId}.out`);
  }
  /** Where a command finds its request's payload. */
  payloadFile(deploymentId: string): string {
    return join(this.#directory, `${deploymentId}.payload.json`);
  }
}
