import type { ConfigProblem } from "../problem.ts";

/** A variable with its value as written, which may span several lines. */
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*((?:"[^"]*"|'[^']*'|`[^`]*`)?[^\n]*)$/gm;
/**
 * A value that Node and a shell read alike. A key in double quotes has \n for its line ends, which instances
 * accept.
 */
const ALIKE = /^(?:'[^']*'|"(?:[^"$`\\]|\\n)*"|(?!~)[^\s#'"`$\\;&|<>()]*)(?:[ \t]+#.*)?\s*$/;

/**
 * Returns the values in a file of variables that Node and a shell read differently, or that Node cuts short.
 * The values may be secrets, and are not shown.
 */
export function checkEnvFile(file: string, text: string): ConfigProblem[] {
  return [...text.matchAll(ASSIGNMENT)]
    .filter(([, , written = ""]) => !ALIKE.test(written))
    .map(({ index, 1: key = "", 2: written = "" }) => ({
      file,
      line: text.slice(0, index).split("\n").length,
      key,
      expected: "a value that Node and a shell read alike",
      got:
        /^[^'"`]*[^'"`\s]#/.test(written) || written.startsWith("#")
          ? "one with # and without quotes, which Node cuts off there"
          : "one that they read differently",
      remedy: `put it in single quotes: ${key}='…'`,
    }));
}
