import { counted } from "../../shared/counted.ts";

/** The exit code for a configuration or a command line that cannot be used: no restart will mend it. */
export const UNUSABLE = 78;

/** Something wrong with the configuration, and how to put it right. */
export interface ConfigProblem {
  /** The file's name as it was given, "environment" or "command line". */
  file: string;
  /** Counted from 1; that of the nearest parent for a key that is missing. Absent outside files. */
  line?: number;
  /** Such as `targets[0].timeout`, or a variable's name. */
  key: string;
  expected: string;
  got: string;
  remedy?: string;
}

/** One line for a person. Values of secrets never reach it: `got` describes, it does not quote, what is secret. */
export function formatProblem({ file, line, key, expected, got, remedy }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return `${place}: ${key}: expected ${expected}, got ${got}${remedy ? `; ${remedy}` : ""}`;
}

/** The configuration cannot be used. Its message lists every problem found, a line each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(
      `the configuration has ${counted(problems.length, "problem")}:\n${problems.map((p) => `  ${formatProblem(p)}`).join("\n")}`,
    );
    this.problems = problems;
  }
}
