import { readFileSync } from "node:fs";
import { closest, distance } from "fastest-levenshtein";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, type YAMLError } from "yaml";
import type { z } from "zod";
import { describeKey, describeValue } from "./describe-value.ts";
import { expectedInWords } from "./expected.ts";
import type { ConfigProblem } from "./problem.ts";
import { knownKeys } from "./schema-keys.ts";

type Path = readonly PropertyKey[];

const WHOLE_FILE = "(the whole file)";
const START_FROM_EXAMPLE =
  "go to its folder, make one there with `twinhook init`, or name another file by TWINHOOK_CONFIG";

/** The path in the form that users write: `targets[0].timeout`. */
export function keyName(path: Path): string {
  const name = path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const key = describeKey(String(part));
    return text ? `${text}.${key}` : key;
  }, "");
  return name || WHOLE_FILE;
}

interface ParsedText {
  document: Document;
  lines: LineCounter;
}

/** A parsed YAML file that knows the line of each of its keys. */
export class YamlFile {
  readonly name: string;
  readonly problems: ConfigProblem[] = [];
  /** The file's contents, of any shape; undefined when it is not YAML. */
  readonly content: unknown;
  #text: string;
  /** The parsed document: 20 MB for a thousand targets. It is seldom needed again, so the collector may take it. */
  #parsed: WeakRef<ParsedText> | undefined;

  /** Reads and parses the file. `problems` lists its faults. */
  constructor(name: string) {
    this.name = name;
    const text = this.#read();
    this.#text = text ?? "";
    if (text === undefined) return;
    const { document } = this.#parse();
    for (const error of [...document.errors, ...document.warnings])
      this.problems.push(this.#syntaxProblem(error, text));
    if (this.problems.length > 0) return;
    try {
      this.content = document.toJS();
    } catch (error) {
      // Aliases without an anchor, or so many that they would fill the memory.
      const got = (error as Error).message;
      this.problems.push({ file: name, key: "(YAML)", expected: "valid YAML", got });
    }
    if (this.content === null) this.#wrong("keys such as instances and targets", "an empty file");
  }

  #read(): string | undefined {
    try {
      return readFileSync(this.name, "utf8");
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      this.#wrong("a file that can be read", READ_ERRORS[code] ?? code);
      return undefined;
    }
  }

  #parse(): ParsedText {
    let parsed = this.#parsed?.deref();
    if (!parsed) {
      const lines = new LineCounter();
      // Errors are problems of the file; a warning of the parser would be printed.
      const quiet = { prettyErrors: false, logLevel: "error" } as const;
      parsed = { document: parseDocument(this.#text, { lineCounter: lines, ...quiet }), lines };
      this.#parsed = new WeakRef(parsed);
    }
    return parsed;
  }

  #wrong(expected: string, got: string): void {
    this.problems.push({ file: this.name, key: WHOLE_FILE, expected, got, remedy: START_FROM_EXAMPLE });
  }

  #syntaxProblem({ code, message, pos: [start, end] }: YAMLError, text: string): ConfigProblem {
    const place = { file: this.name, line: this.#parse().lines.linePos(start).line };
    if (code === "DUPLICATE_KEY") {
      const key = /^[\w.-]+/.exec(text.slice(start))?.[0] ?? text.slice(start, end);
      return { ...place, key: describeKey(key), expected: "each key once", got: "it a second time" };
    }
    if (code === "MULTIPLE_DOCS")
      return { ...place, key: "(YAML)", expected: "one document", got: "another after ---" };
    // Some of the parser's messages end with the faulty text, which may be a secret.
    return { ...place, key: "(YAML)", expected: "valid YAML", got: message.replace(/: ".*$/s, "") };
  }

  /** The line of the key at `path`, or of its nearest parent in the file. */
  line(path: Path): number | undefined {
    const { document, lines } = this.#parse();
    for (let length = path.length; length > 0; length--) {
      const parent = document.getIn(path.slice(0, length - 1), true);
      const last = path[length - 1];
      const node = isMap(parent)
        ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === last)?.key
        : document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return undefined;
  }

  /** A problem with the key at `path`. */
  problem(path: Path, rest: Pick<ConfigProblem, "expected" | "got" | "remedy">): ConfigProblem {
    const line = this.line(path);
    return { file: this.name, ...(line === undefined ? {} : { line }), key: keyName(path), ...rest };
  }

  /**
   * Checks the file's content against `schema`. Returns undefined where it does not fit, and adds every fault
   * to `problems`.
   */
  parse<S extends z.ZodType>(schema: S): z.output<S> | undefined {
    if (this.problems.length > 0) return undefined;
    const result = schema.safeParse(this.content, { reportInput: true, error: expectedInWords });
    if (result.success) return result.data;
    this.problems.push(...result.error.issues.flatMap((issue) => this.#describe(issue, schema)));
    return undefined;
  }

  #describe(issue: z.core.$ZodIssue, schema: z.ZodType): ConfigProblem[] {
    const { path, message: expected, input } = issue;
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => this.#unknownKey([...path, key], knownKeys(schema, path)));
    if (issue.code === "invalid_key")
      return [this.problem(path, { expected, got: describeKey(String(path.at(-1))) })];
    const remedy = (issue.code === "custom" && issue.params?.remedy) || usualRemedy(issue);
    return [this.problem(path, { expected, got: describeValue(input, path), remedy })];
  }

  #unknownKey(path: Path, known: readonly string[]): ConfigProblem {
    const key = String(path.at(-1));
    const nearest = closest(key, known);
    const similar = distance(key, nearest) <= Math.max(key.length, nearest.length) / 2;
    return this.problem(path, {
      expected: "a known key",
      got: describeKey(key),
      remedy: similar
        ? `did you mean ${nearest}?`
        : `the nearest is ${nearest}; known here: ${known.join(", ")}`,
    });
  }
}

function usualRemedy({ code, path, input, ...issue }: z.core.$ZodIssue): string | undefined {
  const key = String(path.at(-1));
  if (input === undefined) return `add ${key}`;
  if (input === null) return `write a value, or remove ${key}`;
  const isText = code === "invalid_type" && "expected" in issue && issue.expected === "string";
  if (isText && (typeof input === "number" || typeof input === "boolean")) return "write it in quotes";
  return undefined;
}

const READ_ERRORS: Record<string, string> = {
  ENOENT: "no file of this name",
  EISDIR: "a directory",
  EACCES: "a file that this user may not read",
};
