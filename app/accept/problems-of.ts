import type { ZodError } from "zod";

/** The faults of a message in words: where, and what was expected. `whole` names the message itself. */
export function problemsOf({ issues }: ZodError, whole: string): string {
  return issues.map(({ path, message }) => `${path.join(".") || whole}: ${message}`).join("; ");
}
