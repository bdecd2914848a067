/** The time limit for GitHub's answer. */
const LIMIT_MS = 2_000;

/** The time (ms) by GitHub's clock, from the Date header of an answer; null if GitHub is unreachable. */
export async function githubTime(apiUrl: string): Promise<number | null> {
  try {
    const { headers } = await fetch(`${apiUrl}/meta`, {
      method: "HEAD",
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    return timeOf({ date: headers.get("date") ?? "" });
  } catch {
    return null;
  }
}

/** The headers of an answer, as Octokit returns them. */
export type Headers = Record<string, string | number | undefined>;

/** When GitHub gave this answer (ms, GitHub's clock); null if it has no Date header. */
export function timeOf(headers: Headers): number | null {
  const time = Date.parse(String(headers.date));
  return Number.isNaN(time) ? null : time;
}
