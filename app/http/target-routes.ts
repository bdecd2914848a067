import { Hono } from "hono";
import { maySee } from "../auth/viewer.ts";
import { requireManager, type ViewerCredentials, viewerOf } from "../auth/viewer-of.ts";
import type { TargetConfig } from "../config/schema.ts";
import { setMark } from "../queue/set-mark.ts";
import type { MarkAnswer } from "../reads/answers/target.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import type { Audit } from "./audit.ts";
import { markRequest } from "./mark-request.ts";
import { HttpProblem } from "./problem.ts";

export interface TargetRoutesOptions {
  store: Store;
  targets: readonly TargetConfig[];
  credentials: ViewerCredentials;
  audit: Audit;
  /** Called when the order of a target's runs has changed. */
  onMoved: () => void;
}

/** `/api/targets`: lets people move a target's high-water mark. */
export function targetRoutes({ store, targets, credentials, audit, onMoved }: TargetRoutesOptions): Hono {
  const routes = new Hono();

  routes.post("/:owner/:repo/:name/mark", async (c) => {
    const viewer = await viewerOf(c, credentials);
    const { owner, repo, name } = c.req.param();
    const repository = `${owner}/${repo}`;
    const target = targets.find(
      (t) => repositoryKey(t.repository) === repositoryKey(repository) && t.name === name,
    );
    // Targets that the viewer may not see do not exist for the viewer.
    if (!target || !maySee(viewer, repositoryKey(target.repository)))
      throw new HttpProblem(404, `there is no target ${name} of ${repository}; see twinhook.yml`);
    requireManager(viewer, target.repository);
    const parsed = markRequest.safeParse(await c.req.json().catch(() => undefined));
    if (!parsed.success)
      throw new HttpProblem(422, 'expected {"run_id": RUN, "reason": "WHY"} as JSON, RUN being 1 or more');
    const { run_id, reason } = parsed.data;
    let previous: number | null = null;
    await audit.run(viewer, "mark", `${name} of ${target.repository}: ${reason}`, async () => {
      previous = await setMark(store, { repositoryKey: repositoryKey(repository), target: name }, run_id);
      return `the mark is the run ${run_id}; it was ${previous ?? "none"}`;
    });
    onMoved();
    return c.json<MarkAnswer>(
      { repository: target.repository, target: name, run_id, previous_run_id: previous, reason },
      202,
    );
  });

  return routes;
}
