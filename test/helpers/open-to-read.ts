import { DatabaseSync } from "node:sqlite";
import { PATIENCE_MS } from "./patience.ts";

/** Opens a store's file to read it beside its instances. Their last one locks it to clean up its log. */
export function openToRead(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: PATIENCE_MS });
}
