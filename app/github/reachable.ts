/** GitHub that takes longer is of no use to a controller. */
const LIMIT_MS = 2_000;

/** Whether GitHub's API answers from here; that it refuses to go on is an answer too. */
export async function reachable(apiUrl: string): Promise<boolean> {
  try {
    const { status } = await fetch(`${apiUrl}/meta`, {
      method: "HEAD",
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    return status < 500;
  } catch {
    return false;
  }
}
