import { type Context, Hono } from "hono";
import { rollBack } from "../accept/roll-back.ts";
import { maySee, nameOf, type Viewer } from "../auth/viewer.ts";
import { requireManager, requireSight, type ViewerCredentials, viewerOf } from "../auth/viewer-of.ts";
import { type Clock, isoTime } from "../clock.ts";
import type { InstanceConfig, TargetConfig } from "../config/schema.ts";
import { endHold, type Hold, setHold } from "../queue/hold.ts";
import { setMark } from "../queue/set-mark.ts";
import type { MarkAnswer, TargetHoldAnswer } from "../reads/answers/target.ts";
import { listTargets, presentHold } from "../reads/list-targets.ts";
import { presentDeployment } from "../reads/present.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { Audit } from "./audit.ts";
import { holdRequest } from "./hold-request.ts";
import { markRequest } from "./mark-request.ts";
import { HttpProblem } from "./problem.ts";
import { bodyOf } from "./request-body.ts";
import { rollbackRequest } from "./rollback-request.ts";

export interface TargetRoutesOptions {
  store: Store;
  clock: Clock;
  /** The name of this instance. */
  instance: string;
  config: { targets: readonly TargetConfig[]; instances: readonly InstanceConfig[] };
  credentials: ViewerCredentials;
  audit: Audit;
  /** The URL of a deployment's page. */
  pageUrl: (id: string) => string;
  /** Called when a target may begin another deployment. */
  onMoved: () => void;
}

const REFUSED = { not_found: 404, conflict: 409, invalid: 422 } as const;

/** `/api/targets`: shows the targets, and lets people roll back, hold, release, and move the high-water mark. */
export function targetRoutes(options: TargetRoutesOptions): Hono {
  const { store, clock, instance, config, credentials, audit, pageUrl, onMoved } = options;
  const routes = new Hono();

  routes.get("/", async (c) => {
    const viewer = await viewerOf(c, credentials);
    const items = await listTargets(store, config, (repository, target) =>
      maySee(viewer, repository, target),
    );
    return c.json({ items, next_cursor: null });
  });

  routes.post("/:owner/:repo/:name/rollback", async (c) => {
    const { viewer, target, name } = await managed(c);
    const request = await bodyOf(
      c,
      rollbackRequest,
      '{"to": "previous" or "dep_…" or COMMIT (7 digits or more), "reason": "WHY", "hold": true, "force": false}',
    );
    let done: { deployment: DeploymentRecord; kind: "new" | "known" } | undefined;
    const details = `${name} to ${request.to}${request.reason && `: ${request.reason}`}`;
    await audit.run(viewer, "rollback", details, async () => {
      const by = { instance, now: clock.now() };
      const result = await rollBack(store, target, { ...request, by: nameOf(viewer) }, by);
      if ("reason" in result) throw new HttpProblem(REFUSED[result.kind], result.reason);
      done = result;
      const { id, sha, status } = result.deployment;
      const commit = sha.slice(0, 12);
      if (result.kind === "new") return `${commit} is deployed again: ${id}`;
      return status === "succeeded" ? `${commit} is live already: ${id}` : `${commit} is on its way: ${id}`;
    });
    const { deployment, kind } = done as NonNullable<typeof done>;
    onMoved();
    const duplicate = kind === "known";
    const answer = presentDeployment(deployment, { url: pageUrl(deployment.id), duplicate });
    return c.json(answer, duplicate ? 200 : 202);
  });

  routes.post("/:owner/:repo/:name/hold", async (c) => {
    const { viewer, held, name } = await managed(c);
    const { reason, until: end } = await bodyOf(
      c,
      holdRequest,
      '{"reason": "WHY", "until": null or a time such as "2030-01-31T18:00:00Z"}',
    );
    const until = end == null ? null : Date.parse(end);
    let hold: Hold | undefined;
    await audit.run(viewer, "hold", `${name}: ${reason}`, async () => {
      const now = await store.now(store.read);
      if (until !== null && until <= now)
        throw new HttpProblem(
          422,
          `until: expected a time in the future, got ${isoTime(until)}; it is ${isoTime(now)} now. Name a later time, or null for a hold without an end`,
        );
      const who = { by: nameOf(viewer), reason, until };
      hold = await store.write((trx) => setHold(trx, store, held, who));
      return until === null ? "held until it is released" : `held until ${isoTime(until)}`;
    });
    return c.json<TargetHoldAnswer>({ ...namesOf(held), held: hold ? presentHold(hold) : null }, 202);
  });

  routes.delete("/:owner/:repo/:name/hold", async (c) => {
    const { viewer, held, name } = await managed(c);
    await audit.run(viewer, "release", name, async () => {
      const hold = await store.write((trx) => endHold(trx, store, held, nameOf(viewer)));
      return hold
        ? `released; ${hold.by} held it since ${isoTime(hold.since)}: ${hold.reason}`
        : "it was not held";
    });
    onMoved();
    return c.json<TargetHoldAnswer>({ ...namesOf(held), held: null }, 202);
  });

  routes.post("/:owner/:repo/:name/mark", async (c) => {
    const { viewer, target, held, name } = await managed(c);
    // The order concerns every run of the target: a token that may deploy there may not change it.
    requireManager(viewer, target.repository);
    const { run_id, reason } = await bodyOf(
      c,
      markRequest,
      '{"run_id": RUN, "reason": "WHY"} as JSON, RUN being 1 or more',
    );
    let previous: number | null = null;
    await audit.run(viewer, "mark", `${name}: ${reason}`, async () => {
      previous = await setMark(store, held, run_id);
      return `the mark is the run ${run_id}; it was ${previous ?? "none"}`;
    });
    onMoved();
    return c.json<MarkAnswer>({ ...namesOf(held), run_id, previous_run_id: previous, reason }, 202);
  });

  return routes;

  /** The target that a person wants to change, if they may. */
  async function managed(c: Context) {
    const viewer: Viewer = await viewerOf(c, credentials);
    const { owner, repo, name } = c.req.param() as Record<"owner" | "repo" | "name", string>;
    const key = repositoryKey(`${owner}/${repo}`);
    const target = config.targets.find((t) => repositoryKey(t.repository) === key && t.name === name);
    const missing = `there is no target ${name} of ${owner}/${repo}; see twinhook.yml`;
    requireSight(viewer, key, name, missing);
    if (!target) throw new HttpProblem(404, missing);
    requireManager(viewer, target.repository, name);
    const held = { repositoryKey: key, repository: target.repository, target: target.name };
    return { viewer, target, held, name: `${target.name} of ${target.repository}` };
  }
}

function namesOf({ repository, target }: { repository: string; target: string }) {
  return { repository, target };
}
