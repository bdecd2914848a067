import { AnsiUp } from "ansi_up";

/** The colours that the style sheet knows, as red, green and blue of a terminal. */
const COLOURS: Record<string, readonly [number, number, number]> = {
  black: [0, 0, 0],
  red: [187, 0, 0],
  green: [0, 187, 0],
  yellow: [187, 187, 0],
  blue: [0, 0, 187],
  magenta: [187, 0, 187],
  cyan: [0, 187, 187],
  white: [255, 255, 255],
  "bright-black": [119, 119, 119],
};

/**
 * Turns a command's output into markup: colours become classes, everything else stays text. The pages' policy
 * allows no inline style, and only the style sheet's colours are readable on any background. The colour
 * carries over from one piece to the next.
 */
export class AnsiText {
  #up = new AnsiUp();

  constructor() {
    this.#up.use_classes = true;
    // Whoever wrote the log would control a link in it.
    this.#up.url_allowlist = {};
    this.#up.boldStyle = "bold";
    this.#up.faintStyle = "faint";
    this.#up.italicStyle = "italic";
    this.#up.underlineStyle = "underline";
  }

  /** The markup of the next piece, safe to put into a page. */
  markup(text: string): string {
    const lines = text.replaceAll(/\r+(\n|$)/g, "$1").replaceAll("\r", "\n");
    // The text's own quotes are escaped, so these belong to the library.
    return this.#up
      .ansi_to_html(lines)
      .replaceAll(/<span style="([^"]*)"(?: class="([^"]*)")?>/g, (_, styles: string, classes = "") => {
        const names = [...styles.split(";").map(classOf), classes].filter((name) => name !== "");
        return `<span class="${names.join(" ")}">`;
      });
  }
}

/** The class for one of the library's styles: `bold`, or `color:rgb(255,0,95)`. */
function classOf(style: string): string {
  const rgb = /^(background-)?color:rgb\((\d+), ?(\d+), ?(\d+)\)$/.exec(style);
  if (!rgb) return /^[a-z]+$/.test(style) ? `ansi-${style}` : "";
  const [, ground, ...parts] = rgb;
  return `ansi-${nearest(parts.map(Number))}-${ground ? "bg" : "fg"}`;
}

function nearest(rgb: readonly number[]): string {
  const distance = (other: readonly number[]) =>
    other.reduce((sum, value, at) => sum + (value - (rgb[at] ?? 0)) ** 2, 0);
  const [first] = Object.entries(COLOURS).toSorted(([, a], [, b]) => distance(a) - distance(b));
  return first?.[0] ?? "black";
}
