import { readFileSync } from "node:fs";
import { closest } from "fastest-levenshtein";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import type { ConfigProblem } from "./problem.ts";

type Path = readonly PropertyKey[];

/** `targets[0].timeout`, as a person would point at it. */
export function keyName(path: Path): string {
  const name = path.reduce<string>(
    (text, part) =>
      typeof part === "number" ? `${text}[${part}]` : text ? `${text}.${String(part)}` : String(part),
    "",
  );
  return name || "(the whole file)";
}

/** A YAML file that was read and knows on which line each of its keys stands. */
export class YamlFile {
  readonly name: string;
  readonly problems: ConfigProblem[] = [];
  #document: Document;
  #lines = new LineCounter();

  /** Reads and parses the file; what is wrong with it is in `problems`. */
  constructor(name: string) {
    this.name = name;
    let text = "";
    try {
      text = readFileSync(name, "utf8");
    } catch (error) {
      this.problems.push({
        file: name,
        key: "(the whole file)",
        expected: "a readable file",
        got: (error as NodeJS.ErrnoException).code ?? String(error),
        remedy: "copy twinhook.example.yml to it, or name another by TWINHOOK_CONFIG",
      });
    }
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    for (const error of this.#document.errors) {
      this.problems.push({
        file: name,
        line: this.#lines.linePos(error.pos[0]).line,
        key: "(YAML)",
        expected: "valid YAML",
        got: error.message,
      });
    }
  }

  /** The line of the key at `path`, or of the nearest parent that the file has. */
  line(path: Path): number | undefined {
    for (let length = path.length; length > 0; length--) {
      const parent = this.#document.getIn(path.slice(0, length - 1), true);
      const last = path[length - 1];
      const pair = isMap(parent)
        ? parent.items.find(({ key }) => isScalar(key) && key.value === last)?.key
        : this.#document.getIn(path.slice(0, length), true);
      if (isNode(pair) && pair.range) return this.#lines.linePos(pair.range[0]).line;
    }
    return undefined;
  }

  /** A problem with the key at `path`. */
  problem(path: Path, rest: Pick<ConfigProblem, "expected" | "got" | "remedy">): ConfigProblem {
    const line = this.line(path);
    return { file: this.name, ...(line === undefined ? {} : { line }), key: keyName(path), ...rest };
  }

  /** The file's content checked against `schema`, or undefined, with everything found added to `problems`. */
  parse<S extends z.ZodType>(schema: S): z.output<S> | undefined {
    if (this.problems.length > 0) return undefined;
    const result = schema.safeParse(this.#document.toJS() ?? {}, { reportInput: true });
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.problems.push(...this.#describe(issue, schema));
    return undefined;
  }

  #describe(issue: z.core.$ZodIssue, schema: z.ZodType): ConfigProblem[] {
    if (issue.code === "unrecognized_keys") {
      const known = knownKeys(schema, issue.path);
      return issue.keys.map((key) =>
        this.problem([...issue.path, key], {
          expected: "a known key",
          got: key,
          remedy: known.length > 0 ? `did you mean ${closest(key, known)}?` : "remove it",
        }),
      );
    }
    const params = issue.code === "custom" ? issue.params : undefined;
    const missing = issue.input === undefined;
    return [
      this.problem(issue.path, {
        expected:
          params?.expected ??
          issue.message.replace(/^Invalid [^:]*: expected /, "").replace(/, received.*$/, ""),
        got: missing ? "nothing" : show(issue.input),
        remedy: params?.remedy ?? (missing ? `add ${String(issue.path.at(-1))}` : undefined),
      }),
    ];
  }
}

/** A value as it stands in the file, short enough for one line. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** The keys that the object at `path` may have. */
function knownKeys(schema: z.ZodType, path: Path): string[] {
  let at: unknown = schema;
  for (const part of [...path, undefined]) {
    at = unwrap(at);
    if (part === undefined) break;
    at =
      at instanceof z.ZodArray ? at.element : at instanceof z.ZodObject ? at.shape[String(part)] : undefined;
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

/** What stands inside defaults, optional fields and transformations. */
function unwrap(schema: unknown): unknown {
  for (let at = schema; ; ) {
    if (at instanceof z.ZodPipe) at = at.in;
    else if (
      at instanceof z.ZodOptional ||
      at instanceof z.ZodNullable ||
      at instanceof z.ZodDefault ||
      at instanceof z.ZodPrefault
    )
      at = at.unwrap();
    else return at;
  }
}
