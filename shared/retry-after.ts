/**
 * The pause in milliseconds that a `Retry-After` header asks for (seconds or an HTTP date). Returns null
 * without a usable value.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  // Only the form with day and month names: Date.parse would read "-5" or "1.5" as a year.
  if (!/^[A-Z][a-z]+,? /.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
