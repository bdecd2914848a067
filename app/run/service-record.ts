import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identify, type ProcessIdentity } from "./process-identity.ts";

/** What became of a request to the service, such as a signal to reload. */
export interface Outcome {
  act: "reload" | "restart";
  /** When the service began with it (ms since 1970). */
  begunAt: number;
  /** The exit code that a command ends with. */
  code: number;
  /** Why it was refused, or did not end well; empty where it is done. */
  problems: readonly string[];
}

/** A process of the service, and the last request to it. Commands on the same host read it. */
export interface ServiceRecord {
  process: ProcessIdentity;
  last: Outcome | null;
}

/** The name of the process that keeps the instances running. No instance's record has the same name. */
export const SUPERVISOR = "supervisor";

/** The name of an instance's record. */
export function recordOf(instance: string): string {
  return `instance-${instance}`;
}

function fileOf(stateDirectory: string, name: string): string {
  return join(stateDirectory, "service", `${name}.json`);
}

/** Writes the record of this process. The file may stay after its end: the process's identity tells. */
export function writeServiceRecord(stateDirectory: string, name: string, last: Outcome | null = null): void {
  const file = fileOf(stateDirectory, name);
  mkdirSync(join(stateDirectory, "service"), { recursive: true, mode: 0o700 });
  const record: ServiceRecord = { process: identify(process.pid) as ProcessIdentity, last };
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Reads a record; undefined where there is none. */
export function readServiceRecord(stateDirectory: string, name: string): ServiceRecord | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(stateDirectory, name), "utf8")) as ServiceRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
