/**
 * How many milliseconds a `Retry-After` header asks to wait (seconds or an HTTP date), or null when there is
 * none or it says nothing usable.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  // Only the form with day and month names: Date.parse would take "-5" or "1.5" for a year.
  if (!/^[A-Z][a-z]+,? /.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
