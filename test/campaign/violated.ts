import type { Violation } from "./verdict.ts";

/** Evidence of one rule is cut here; the rest is the same again. */
const MAX_SHOWN = 8;

/** Violations for people, with their evidence. */
export function violated(violations: readonly Violation[]): string {
  return violations
    .map(({ rule, evidence }) => {
      const shown = evidence.slice(0, MAX_SHOWN).map((line) => `\n    ${line}`);
      const more = evidence.length > MAX_SHOWN ? `\n    and ${evidence.length - MAX_SHOWN} more` : "";
      return `  VIOLATED: ${rule}${shown.join("")}${more}`;
    })
    .join("\n");
}
