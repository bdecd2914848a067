import { resolve } from "node:path";

/** The address of a store: parsed from `sqlite:PATH` or `postgres://…`. */
export type StoreAddress = { engine: "sqlite"; path: string } | { engine: "postgres"; url: string };

/** The syntax of a store's address, for error texts. */
export const STORE_SYNTAX =
  'sqlite:PATH, such as "sqlite:./data/twinhook.db", or postgres://USER@HOST/DATABASE';

/** Whether `text` names a store. `sqlite://PATH` does not: programs differ about where its path begins. */
export function isStoreAddress(text: string): boolean {
  if (text.startsWith("sqlite:")) return /^sqlite:(?!\/\/).+$/.test(text);
  return /^postgres(ql)?:\/\/./.test(text) && URL.canParse(text);
}

/** Parses the address of a store; a relative path starts at `folder`. */
export function parseStoreAddress(text: string, folder: string): StoreAddress {
  if (text.startsWith("sqlite:"))
    return { engine: "sqlite", path: resolve(folder, text.slice("sqlite:".length)) };
  return { engine: "postgres", url: text };
}
