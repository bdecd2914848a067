import type { Clock } from "../clock.ts";

/** How long GitHub may take to tell the time. */
const LIMIT_MS = 2_000;

/** The time (ms) by GitHub's clock, from the Date header of any answer; by our own where GitHub is away. */
export async function githubTime(apiUrl: string, clock: Clock): Promise<number> {
  try {
    const { headers } = await fetch(`${apiUrl}/meta`, {
      method: "HEAD",
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const time = Date.parse(headers.get("date") ?? "");
    return Number.isNaN(time) ? clock.now() : time;
  } catch {
    return clock.now();
  }
}

/** The headers of an answer, as Octokit has them. */
export type Headers = Record<string, string | number | undefined>;

/** When GitHub gave this answer (ms), by its own clock; null where it does not say. */
export function timeOf(headers: Headers): number | null {
  const time = Date.parse(String(headers.date));
  return Number.isNaN(time) ? null : time;
}
