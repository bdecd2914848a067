import type { TargetKey } from "../queue/last-success.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Reader } from "../store/store.ts";
import type { TargetAnswer } from "./answers/target.ts";

/** So many deployments of a target count as its recent ones. */
export const RECENT = 20;

/** The recent deployments of a target as a query: those that have begun, the last to begin first. */
export function recentOf(read: Reader, { repositoryKey, target }: TargetKey) {
  return read
    .selectFrom("deployments")
    .where("repository_key", "=", repositoryKey)
    .where("target", "=", target)
    .where("started_at", "is not", null)
    .orderBy("started_at", "desc")
    .orderBy("seq", "desc")
    .limit(RECENT);
}

/** How recent deployments ended, and how long they took from their request to their success (ms). */
export function recentFigures(
  recent: readonly Pick<DeploymentRecord, "status" | "accepted_at" | "finished_at">[],
): TargetAnswer["recent"] {
  const good = recent.filter(({ status }) => status === "succeeded");
  const failed = recent.filter(({ status }) => status === "failed").length;
  const ended = good.length + failed;
  return {
    succeeded: good.length,
    failed,
    failure_rate: ended === 0 ? null : Math.round((1000 * failed) / ended) / 10,
    median_live_ms: median(good.map((row) => Math.max(0, (row.finished_at ?? 0) - row.accepted_at))),
  };
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  return upper === undefined || lower === undefined ? null : (lower + upper) / 2;
}
