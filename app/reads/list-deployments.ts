import type { DeploymentStatus } from "../../shared/deployment.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Store } from "../store/store.ts";

/** A filter for deployments; undefined fields do not filter. */
export interface DeploymentFilter {
  id?: string | undefined;
  status?: DeploymentStatus | undefined;
  repository?: string | undefined;
  target?: string | undefined;
  environment?: string | undefined;
  sha?: string | undefined;
  run?: number | undefined;
}

/** One page of the deployments that the viewer may see, newest first, and the place of the next page. */
export async function listDeployments(
  store: Store,
  options: {
    /** The only repositories to show (keys); null shows all. */
    visible: string[] | null;
    filter: DeploymentFilter;
    /** Only deployments below this number in the order of acceptance. */
    before?: number | undefined;
    limit: number;
  },
): Promise<{ rows: DeploymentRecord[]; next: number | null }> {
  const { visible, before, limit } = options;
  const { id, status, repository, target, environment, sha, run } = options.filter;
  const rows = await store.read
    .selectFrom("deployments")
    .selectAll()
    .$if(before !== undefined, (q) => q.where("seq", "<", before as number))
    .$if(id !== undefined, (q) => q.where("id", "=", id ?? ""))
    .$if(status !== undefined, (q) => q.where("status", "=", status as DeploymentStatus))
    .$if(visible !== null, (q) => q.where("repository_key", "in", visible ?? []))
    .$if(repository !== undefined, (q) => q.where("repository_key", "=", repositoryKey(repository ?? "")))
    .$if(target !== undefined, (q) => q.where("target", "=", target ?? ""))
    // GitHub ignores case in names of environments.
    .$if(environment !== undefined, (q) =>
      q.where(({ fn, val, eb }) =>
        eb(fn("lower", ["environment"]), "=", fn("lower", [val(environment ?? "")])),
      ),
    )
    .$if(run !== undefined, (q) => q.where("run_id", "=", run ?? 0))
    // A prefix is enough: every commit with this prefix sorts between the prefix and the prefix with a "g".
    .$if(sha !== undefined, (q) => q.where("sha", ">=", sha ?? "").where("sha", "<=", `${sha}g`))
    .orderBy("seq", "desc")
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  return { rows: page, next: rows.length > limit ? (page.at(-1)?.seq ?? null) : null };
}
