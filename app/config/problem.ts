import { counted } from "../../shared/counted.ts";

/** The exit code for an unusable configuration or command line. A restart would not help. */
export const UNUSABLE = 78;

/** A fault in the configuration, with its remedy. */
export interface ConfigProblem {
  /** The file's name as given, "environment" or "command line". */
  file: string;
  /** Counted from 1. A missing key has the line of its nearest parent. Absent outside files. */
  line?: number;
  /** Such as `targets[0].timeout`, or a variable's name. */
  key: string;
  expected: string;
  got: string;
  remedy?: string;
}

/** One line for a person. It never shows a secret: `got` describes a secret value, and does not quote it. */
export function formatProblem({ file, line, key, expected, got, remedy }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return `${place}: ${key}: expected ${expected}, got ${got}${remedy ? `; ${remedy}` : ""}`;
}

/** The configuration cannot be used. The message lists every problem found, a line each. */
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
