import { closeSync, fsyncSync, openSync } from "node:fs";

/** Makes a file, or the names in a folder, durable. */
export function syncFile(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
