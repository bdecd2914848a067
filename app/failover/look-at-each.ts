import type { Logger } from "pino";
import type { Arrival } from "../accept/arrival.ts";
import { classifyGitHubError } from "../github/github-error.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import { failureOf, settleInGroups } from "./settle-in-groups.ts";

export interface LookAtEachOptions {
  access: RepositoryAccess;
  log: Logger;
  /** What the App needs for it, as its settings call it. */
  permission: string;
}

/**
 * Looks at several repositories. One that GitHub refuses to show is named in the log, and keeps nobody from
 * looking at the others.
 */
export async function lookAtEach<T extends { repository: string }>(
  places: readonly T[],
  look: (place: T) => Promise<Arrival[]>,
  { access, log, permission }: LookAtEachOptions,
): Promise<{ found: Arrival[]; failure?: unknown }> {
  const settled = await settleInGroups(places, look);
  const refused = settled.filter(
    (one) => one.status === "rejected" && classifyGitHubError(one.reason, 0).kind === "refused",
  );
  for (const { item, ...one } of refused) {
    const { message } = (one as PromiseRejectedResult).reason as Error;
    const remedy = `install the App on the repository, with the permission ${permission}`;
    log.warn(item, `cannot look at ${item.repository}: ${message}; ${remedy}`);
    access.forget(item.repository);
  }
  return {
    found: settled.flatMap((one) => (one.status === "fulfilled" ? one.value : [])),
    failure: failureOf(settled.filter((one) => !refused.includes(one))),
  };
}
