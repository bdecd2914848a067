import { cpSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestHost } from "../helpers/test-host.ts";

/** Copies a host's folder and the logs of its instances, and `notes` as JSON files. */
export function keepHost(host: TestHost, into: string, notes: Record<string, unknown>): void {
  mkdirSync(into, { recursive: true });
  // A named pipe cannot be copied; it shows in the evidence.
  cpSync(host.directory, into, { recursive: true, filter: (path) => !statSync(path).isFIFO() });
  for (const [name, note] of Object.entries(notes))
    writeFileSync(join(into, `${name}.json`), JSON.stringify(note, null, 2));
  for (const [index, { pid, output }] of host.processes.entries())
    writeFileSync(join(into, `instance-${index}-${pid}.log`), output);
}
