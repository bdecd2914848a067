/** A text as both engines can store it: PostgreSQL takes no NUL. */
export function storableText(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}
