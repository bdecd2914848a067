import { styleText } from "node:util";

/** Who does something in the demo; each has a colour of its own. */
const COLOURS = {
  demo: "gray",
  GitHub: "blue",
  Action: "yellow",
  primary: "green",
  backup: "magenta",
  "npm start": "red",
  "deploy.sh": "cyan",
} as const;

const TIME_WIDTH = 9;
const ACTOR_WIDTH = Math.max(...Object.keys(COLOURS).map(({ length }) => length));

type Style = Parameters<typeof styleText>[0];

/** Prints what happens, with the time since the start and who did it; in colour only on a terminal. */
export class Timeline {
  readonly #out: NodeJS.WriteStream;
  readonly #startedAt = performance.now();

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Begins a part of the story. */
  heading(text: string): void {
    this.line(`\n${this.#style("bold", text)}`);
  }

  /** Explains what the reader is about to see, or has just seen. */
  explain(text: string): void {
    this.line(this.#style("dim", `${" ".repeat(TIME_WIDTH + 2)}${text}`));
  }

  /** Something that happened just now. */
  note(actor: string, text: string): void {
    const time = `${(this.elapsedMs / 1000).toFixed(2)} s`.padStart(TIME_WIDTH);
    const colour = COLOURS[actor as keyof typeof COLOURS] ?? "white";
    this.line(`${this.#style("dim", time)}  ${this.#style(colour, actor.padEnd(ACTOR_WIDTH))}  ${text}`);
  }

  /** Belongs to the note above; it happened before that was printed. */
  detail(text: string): void {
    this.line(`${" ".repeat(TIME_WIDTH + ACTOR_WIDTH + 4)}${this.#style("dim", `· ${text}`)}`);
  }

  /** A number with what it counts, and what is to be said about it. */
  count(value: number, what: string, remark = "", good: boolean | null = null): void {
    const style: Style = good === null ? "bold" : good ? ["bold", "green"] : ["bold", "red"];
    const number = this.#style(style, String(value).padStart(5));
    this.line(`${number} ${what.padEnd(14)} ${this.#style("dim", remark)}`.trimEnd());
  }

  /** Says how it ended. */
  result(text: string, good: boolean): void {
    this.line(`\n${this.#style(["bold", good ? "green" : "red"], text)}`);
  }

  line(text: string): void {
    this.#out.write(`${text}\n`);
  }

  /** `styleText` looks at the stream, at NO_COLOR and at FORCE_COLOR. */
  #style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#out });
  }
}
