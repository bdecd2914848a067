import type { Arrival } from "../accept/arrival.ts";
import { classifyGitHubError, remedyFor } from "../github/github-error.ts";
import { failureOf, settleInGroups } from "../upkeep/settle-in-groups.ts";

/**
 * Scans several places in repositories. A place that GitHub refuses to show goes to `onRefused`; the others are scanned
 * all the same. `permission` is the permission that the App needs to scan a place.
 */
export async function scanEach<T>(
  places: readonly T[],
  scan: (place: T) => Promise<Arrival[]>,
  onRefused: (place: T, problem: string) => void,
  permission: string,
): Promise<{ found: Arrival[]; failure?: unknown }> {
  const settled = await settleInGroups(places, scan);
  const found: Arrival[] = [];
  const failed: typeof settled = [];
  for (const one of settled) {
    if (one.status === "fulfilled") {
      found.push(...one.value);
      continue;
    }
    const failure = classifyGitHubError(one.reason, 0);
    if (failure.kind !== "refused") {
      failed.push(one);
      continue;
    }
    const { message, remedy } = one.reason as Error & { remedy?: string };
    onRefused(one.item, `${message}; ${remedy ?? remedyFor(failure, permission)}`);
  }
  return { found, failure: failureOf(failed) };
}
