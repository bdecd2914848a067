import { parseDuration } from "../../shared/duration.ts";
import { formatDuration } from "../../shared/format-duration.ts";

/** Reads inputs of each kind, and collects their problems as "name: expected …, got …". */
export class InputReader {
  readonly problems: string[] = [];
  readonly #read: (name: string) => string;
  readonly #defaults: Readonly<Record<string, string>>;

  /** @param read returns the text of an input, empty when it is not set. */
  constructor(read: (name: string) => string, defaults: Readonly<Record<string, string>>) {
    this.#read = read;
    this.#defaults = defaults;
  }

  text(name: string): string {
    return this.#read(name).trim() || (this.#defaults[name] ?? "");
  }

  optional(name: string): string | undefined {
    return this.text(name) || undefined;
  }

  fail(name: string, problem: string): void {
    this.problems.push(`${name}: ${problem}`);
  }

  /**
   * Returns the result of `parse`. When `parse` throws, records its message as a problem and returns
   * undefined.
   */
  attempt<T>(name: string, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      this.fail(name, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** A duration in milliseconds; NaN when it is wrong. */
  duration(name: string, { min, max }: { min: number; max: number }): number {
    const ms = this.attempt(name, () => parseDuration(this.text(name)));
    if (ms !== undefined && (ms < min || ms > max))
      this.fail(
        name,
        `expected ${formatDuration(min)} to ${formatDuration(max)}, got ${quote(this.text(name))}`,
      );
    return ms ?? Number.NaN;
  }

  wholeNumber(name: string, min: number, max: number): number {
    const value = /^\d+$/.test(this.text(name)) ? Number(this.text(name)) : Number.NaN;
    if (!(value >= min && value <= max))
      this.fail(name, `expected a whole number from ${min} to ${max}, got ${quote(this.text(name))}`);
    return value;
  }

  oneOf<T extends string>(name: string, allowed: readonly [T, ...T[]]): T {
    const value = this.text(name);
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) this.fail(name, `expected ${allowed.join(" or ")}, got ${quote(value)}`);
    return found ?? allowed[0];
  }

  /** Text that matches the pattern, or undefined when it is not set. `expected` describes the pattern. */
  matching(name: string, pattern: RegExp, expected: string): string | undefined {
    const value = this.optional(name);
    if (value !== undefined && !pattern.test(value))
      this.fail(name, `expected ${expected}, got ${quote(value)}`);
    return value;
  }

  /** The text of a JSON value, or undefined when it is not set. */
  json(name: string): string | undefined {
    const written = this.optional(name);
    try {
      if (written !== undefined) JSON.parse(written);
    } catch {
      // The parser's own message repeats the text.
      this.fail(name, `expected JSON, got ${written?.length} characters that are not`);
    }
    return written;
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
