/** What the campaign deploys to. */
export interface CampaignTarget {
  name: string;
  repository: string;
  branch: string;
  queue: "all" | "latest";
  lock: string | null;
}

/** One run deploys to two targets of `acme/site`; `api` and `docs` never run at the same time. */
export const TARGETS: readonly CampaignTarget[] = [
  { name: "site", repository: "acme/site", branch: "main", queue: "all", lock: null },
  { name: "site-mirror", repository: "acme/site", branch: "main", queue: "latest", lock: null },
  { name: "api", repository: "acme/api", branch: "main", queue: "all", lock: "backend" },
  { name: "docs", repository: "acme/docs", branch: "main", queue: "latest", lock: "backend" },
  { name: "shop", repository: "acme/shop", branch: "main", queue: "all", lock: null },
  { name: "shop-staging", repository: "acme/shop", branch: "staging", queue: "latest", lock: null },
];

/** How often a run is one of this repository and branch. */
export const SOURCES = {
  "acme/site main": 30,
  "acme/api main": 20,
  "acme/docs main": 20,
  "acme/shop main": 20,
  "acme/shop staging": 10,
} as const;

/** The targets for the configuration file; each runs the script with what it is to be alone with. */
export function targetConfigs(): Record<string, unknown>[] {
  return TARGETS.map(({ name, repository, branch, queue, lock }) => ({
    name,
    repository,
    branches: [branch],
    queue,
    lock,
    run: ["./deploy.sh", `target-${name}`, ...(lock === null ? [] : [`lock-${lock}`])],
  }));
}
