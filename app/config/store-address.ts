import { resolve } from "node:path";

/** How to reach a store: parsed from `sqlite:PATH` or `postgres://…`. */
export type StoreAddress = { engine: "sqlite"; path: string } | { engine: "postgres"; url: string };

/** How a store is written, for error texts. */
export const STORE_SYNTAX =
  'sqlite:PATH, such as "sqlite:./data/twinhook.db", or postgres://USER@HOST/DATABASE';

/** Whether `text` names a store. `sqlite://PATH` does not: its readers differ about where the path begins. */
export function isStoreAddress(text: string): boolean {
  if (text.startsWith("sqlite:")) return /^sqlite:(?!\/\/).+$/.test(text);
  return /^postgres(ql)?:\/\/./.test(text) && URL.canParse(text);
}

/** Reads the address of a store; a relative path is one from `folder`. */
export function parseStoreAddress(text: string, folder: string): StoreAddress {
  if (text.startsWith("sqlite:"))
    return { engine: "sqlite", path: resolve(folder, text.slice("sqlite:".length)) };
  return { engine: "postgres", url: text };
}
