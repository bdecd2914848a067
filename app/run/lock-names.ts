import type { TargetConfig } from "../config/schema.ts";
import { repositoryKey } from "../store/repository-key.ts";

/** The locks that a runner holds while it runs a deployment of this target. */
export function lockNames(target: Pick<TargetConfig, "repository" | "name" | "lock">): string[] {
  const own = `target ${repositoryKey(target.repository)} ${target.name}`;
  return target.lock === null ? [own] : [own, `lock ${target.lock}`];
}
