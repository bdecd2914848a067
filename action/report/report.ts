import type { WaitFor } from "../../shared/deployment.ts";
import type { Entry } from "../ask/entry.ts";
import type { Journal } from "../ask/journal.ts";
import type { ActionRequest } from "../ask/request.ts";
import type { Verdict } from "./verdict.ts";

/** The facts of one step, for outputs, log, annotations and summary. */
export interface StepReport {
  verdict: Verdict;
  success: boolean;
  /** Null when the inputs were wrong. */
  request: ActionRequest | null;
  waitFor: WaitFor;
  timeoutMs: number;
  /** Why this step does not use GitHub as a route; null when it does. */
  withoutGitHub: string | null;
  journal: Journal;
  tookMs: number;
}

/** At most so many requests are listed one by one. */
const MAX_LISTED = 50;

/** The requests to list: all, or the first ten and the last forty with the number omitted between them. */
export function listedEntries(entries: readonly Entry[]): { first: Entry[]; omitted: number; last: Entry[] } {
  if (entries.length <= MAX_LISTED) return { first: [...entries], omitted: 0, last: [] };
  return {
    first: entries.slice(0, 10),
    omitted: entries.length - MAX_LISTED,
    last: entries.slice(10 - MAX_LISTED),
  };
}
