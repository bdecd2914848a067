import type { ConfigProblem } from "./problem.ts";

/** A variable and how its value is written, which may go over several lines. */
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*((?:"[^"]*"|'[^']*'|`[^`]*`)?[^\n]*)$/gm;
/** A value that Node and a shell read alike. A key in double quotes has \n for its line ends, which instances know. */
const ALIKE = /^(?:'[^']*'|"(?:[^"$`\\]|\\n)*"|(?!~)[^\s#'"`$\\;&|<>()]*)(?:[ \t]+#.*)?\s*$/;

/** The values of a file of variables that Node reads otherwise than a shell, or in part. They may be secrets. */
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
          : "one that only one of them takes as it is written",
      remedy: `put it in single quotes: ${key}='…'`,
    }));
}
