import { type Context, Hono } from "hono";
import { maySee } from "../../auth/viewer.ts";
import { requireManager, type ViewerCredentials, viewerOf } from "../../auth/viewer-of.ts";
import type { InstanceConfig, TargetConfig } from "../../config/schema.ts";
import type { Hold } from "../../queue/hold.ts";
import { setMark } from "../../queue/set-mark.ts";
import type { MarkAnswer, TargetHoldAnswer } from "../../reads/answers/target.ts";
import { listTargets, presentHold } from "../../reads/list-targets.ts";
import { presentDeployment } from "../../reads/present.ts";
import { bodyOf } from "../request-body.ts";
import { holdRequest } from "./hold-request.ts";
import { markRequest } from "./mark-request.ts";
import { rollbackRequest } from "./rollback-request.ts";
import { TargetCommands, type TargetCommandsOptions } from "./target-commands.ts";

export interface TargetRoutesOptions extends TargetCommandsOptions {
  config: { targets: readonly TargetConfig[]; instances: readonly InstanceConfig[] };
  credentials: ViewerCredentials;
  /** The URL of a deployment's page. */
  pageUrl: (id: string) => string;
}

/** `/api/targets`: shows the targets, and lets people roll back, hold, release, and move the high-water mark. */
export function targetRoutes(options: TargetRoutesOptions): Hono {
  const { store, config, credentials, audit, pageUrl, onMoved } = options;
  const commands = new TargetCommands(options);
  const routes = new Hono();

  routes.get("/", async (c) => {
    const viewer = await viewerOf(c, credentials);
    const items = await listTargets(store, config, (repository, target) =>
      maySee(viewer, repository, target),
    );
    return c.json({ items, next_cursor: null });
  });

  routes.post("/:owner/:repo/:name/rollback", async (c) => {
    const managed = await managedBy(c);
    const request = await bodyOf(
      c,
      rollbackRequest,
      '{"to": "previous" or "dep_…" or COMMIT (7 digits or more), "reason": "WHY", "hold": true, "force": false}',
    );
    const { deployment, kind } = await commands.rollBack(managed, request);
    const duplicate = kind === "known";
    const answer = presentDeployment(deployment, { url: pageUrl(deployment.id), duplicate });
    return c.json(answer, duplicate ? 200 : 202);
  });

  routes.post("/:owner/:repo/:name/hold", async (c) => {
    const managed = await managedBy(c);
    const { reason, until } = await bodyOf(
      c,
      holdRequest,
      '{"reason": "WHY", "until": null or a time such as "2030-01-31T18:00:00Z"}',
    );
    const hold = await commands.hold(managed, { reason, until: until == null ? null : Date.parse(until) });
    return c.json(holdAnswer(managed.held, hold), 202);
  });

  routes.delete("/:owner/:repo/:name/hold", async (c) => {
    const managed = await managedBy(c);
    await commands.release(managed);
    return c.json(holdAnswer(managed.held, null), 202);
  });

  routes.post("/:owner/:repo/:name/mark", async (c) => {
    const { viewer, target, held, name } = await managedBy(c);
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

  async function managedBy(c: Context) {
    return commands.managed(await viewerOf(c, credentials), c.req.param());
  }
}

interface Names {
  repository: string;
  target: string;
}

function namesOf({ repository, target }: Names): Names {
  return { repository, target };
}

function holdAnswer(names: Names, hold: Hold | null): TargetHoldAnswer {
  return { ...namesOf(names), held: hold && presentHold(hold) };
}
