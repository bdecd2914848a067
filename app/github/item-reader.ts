import type { Logger } from "pino";
import { ZodError } from "zod";
import { problemsOf } from "../accept/problems-of.ts";

/** The number of problems that are remembered, so that none of them is logged again. */
const MOST_SAID = 1_000;

/**
 * Reads lists from GitHub item by item. An item of an unexpected shape is skipped, and logged once with its id. It must
 * not hold up the others.
 */
export class ItemReader {
  #log: Pick<Logger, "warn">;
  #said = new Set<string>();

  constructor(log: Pick<Logger, "warn">) {
    this.#log = log;
  }

  /** Reads each item; `read` throws a ZodError for a bad one. `what` names an item, such as "a run of acme/site". */
  readEach<I, T>(items: readonly I[], what: string, read: (item: I) => T): T[] {
    return items.flatMap((item) => {
      try {
        return [read(item)];
      } catch (error) {
        if (!(error instanceof ZodError)) throw error;
        const id = String((item as { id?: unknown } | null)?.id ?? "(no id)");
        this.passedOver(`${what}, ${id}`, problemsOf(error, "the item"));
        return [];
      }
    });
  }

  /** Logs that an item is skipped, and why; once for each item and problem. */
  passedOver(item: string, problem: string): void {
    const said = `GitHub shows ${item}, which is passed over: it cannot be read (${problem})`;
    if (this.#said.has(said)) return;
    if (this.#said.size >= MOST_SAID) this.#said.clear();
    this.#said.add(said);
    this.#log.warn(said);
  }
}
