/** A text that both engines can store: PostgreSQL refuses NUL. */
export function storableText(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}
