import { randomUUID } from "node:crypto";
import { stripVTControlCharacters } from "node:util";

/** How much of an answer's body is shown at most, in characters. */
export const MAX_FOREIGN_CHARACTERS = 2_000;

/** C0 and C1 controls except tab and line feed, and the marks that reorder or hide text. */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the purpose
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Foreign text without terminal sequences, control characters and marks that change reading order. */
export function cleanText(text: string, maxCharacters = MAX_FOREIGN_CHARACTERS): string {
  const lines = stripVTControlCharacters(text.slice(0, maxCharacters * 4)).replace(/\r\n?/g, "\n");
  const clean = lines.replace(UNSEEN, "").toWellFormed().trim();
  return clean.length > maxCharacters ? `${clean.slice(0, maxCharacters).toWellFormed()}…` : clean;
}

/** The same on one line. */
export function cleanLine(text: string, maxCharacters = 300): string {
  return cleanText(text.slice(0, maxCharacters * 8).replace(/\s+/g, " "), maxCharacters);
}

/** Replaces every occurrence of known secrets: an instance might send back what it received. */
export interface Redactor {
  (text: string): string;
  /** Adds a secret; short ones are ignored, since they would match everywhere. */
  know(secret: string): void;
}

/** A redactor that knows these secrets. */
export function createRedactor(secrets: readonly string[]): Redactor {
  let known: string[] = [];
  const redact = (text: string) => known.reduce((rest, secret) => rest.replaceAll(secret, "***"), text);
  const know = (secret: string): void => {
    if (secret.length < 8 || known.includes(secret)) return;
    known = [...known, secret].sort((a, b) => b.length - a.length);
  };
  for (const secret of secrets) know(secret);
  return Object.assign(redact, { know });
}

/**
 * Foreign text as lines for the job's log, in which the runner executes no command. A random word that the
 * text cannot know stops commands, and starts them again afterwards.
 */
export function fencedLines(text: string, maxCharacters = MAX_FOREIGN_CHARACTERS): string {
  const word = randomUUID();
  return `::stop-commands::${word}\n${cleanText(text, maxCharacters)}\n::${word}::\n`;
}
