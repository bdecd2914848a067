import { hostname } from "node:os";
import { type CampaignTarget, SOURCES, TARGETS } from "../targets.ts";

export const CI_WORKFLOW = ".github/workflows/ci.yml";
export const DEPLOY_WORKFLOW = ".github/workflows/deploy.yml";

/** A target of the end-to-end campaign. Its environment has its name. */
export interface Target extends CampaignTarget {
  /** Whether only an approved job starts a deployment. */
  approval: boolean;
}

/** The targets of the other campaigns, and one that needs an approval. */
export const ALL_TARGETS: readonly Target[] = [
  ...TARGETS.map((target) => ({ ...target, approval: false })),
  { name: "pay", repository: "acme/pay", branch: "main", queue: "all", lock: null, approval: true },
];

/** How often a run is one of this repository and branch. */
export const ALL_SOURCES = { ...SOURCES, "acme/pay main": 10 } as const;

export function targetsOf({ repository, branch }: { repository: string; branch: string }): Target[] {
  return ALL_TARGETS.filter((target) => target.repository === repository && target.branch === branch);
}

/** The targets for the configuration file. Two of them are placed: on a list of hosts, and on all hosts. */
export function configs(): Record<string, unknown>[] {
  const hosts: Record<string, unknown> = { "site-mirror": "all", shop: [hostname()] };
  return ALL_TARGETS.map(({ name, repository, branch, queue, lock, approval }) => ({
    name,
    repository,
    environment: name,
    branches: [branch],
    workflow: CI_WORKFLOW,
    queue,
    lock,
    approval: approval ? "required" : "none",
    ...(hosts[name] !== undefined && { hosts: hosts[name] }),
    run: ["./deploy.sh", `target-${name}`, ...(lock === null ? [] : [`lock-${lock}`])],
    action: { secret_env: "SITE_DELIVERY_SECRET", workflows: [DEPLOY_WORKFLOW] },
  }));
}
