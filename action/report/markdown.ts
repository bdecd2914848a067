/** All characters with a meaning in GitHub's Markdown or in HTML, inside a line. */
const MEANINGFUL = /[&<>"'`*_[\]|\\~#!@{}$]/g;

/** Text as one line, escaped for Markdown and for HTML. */
export function escapeInline(text: string): string {
  return text.replace(/\s+/g, " ").replace(MEANINGFUL, (character) => `&#${character.charCodeAt(0)};`);
}

/** Text as a block of code; line breaks are kept. */
export function codeBlock(text: string): string {
  return `<pre><code>${text.replace(MEANINGFUL, (character) => `&#${character.charCodeAt(0)};`).replace(/\n/g, "&#10;")}</code></pre>`;
}

/** Paragraphs as one item of a list; indented paragraphs become blocks of code. */
export function listItem(text: string): string {
  const paragraphs = text.split(/\n{2,}/).map((paragraph) => {
    const lines = paragraph.split("\n");
    if (!lines.every((line) => /^ {4}/.test(line))) return escapeInline(paragraph);
    return codeBlock(lines.map((line) => line.slice(4)).join("\n"));
  });
  return `- ${paragraphs.join("\n\n  ")}`;
}

/** A link; the address must already be an http(s) URL. */
export function link(label: string, href: string): string {
  return `<a href="${escapeInline(href)}">${escapeInline(label)}</a>`;
}

/** An HTML table of cells that are already escaped. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  const head = header.length > 0 ? [row(header, "th")] : [];
  return `<table>\n${[...head, ...rows.map((cells) => row(cells, "td"))].join("\n")}\n</table>`;
}
