import { type Context, Hono } from "hono";
import { DEPLOYMENT_STATUSES, isFinal, satisfies, WAIT_FOR } from "../../shared/deployment.ts";
import { MAX_REQUEST_BYTES } from "../../shared/deployment-request.ts";
import type { Accepted } from "../accept/accepted.ts";
import type { Acceptor } from "../accept/acceptor.ts";
import type { Arrival } from "../accept/arrival.ts";
import { parseDeploymentRequest, readRequestBody } from "../accept/deployment-request.ts";
import { previewArrival } from "../accept/preview.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import { authenticate, type Caller, type Credentials } from "../auth/authenticate.ts";
import { isPerson, permittedArrival, requireSightOf } from "../auth/caller-rights.ts";
import type { KnownRuns } from "../auth/known-runs.ts";
import type { JobRights } from "../auth/oidc/job-rights.ts";
import { type Viewer, visibleRepositories } from "../auth/viewer.ts";
import { readerOf, requireManager, requireSight, viewerOf } from "../auth/viewer-of.ts";
import type { Clock } from "../clock.ts";
import { cancel } from "../queue/cancel.ts";
import { retry } from "../queue/retry.ts";
import { listDeployments } from "../reads/list-deployments.ts";
import { presentDeployment } from "../reads/present.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { Audit } from "./audit.ts";
import { logTail, streamLog } from "./deployment-log.ts";
import { decodeCursor, encodeCursor, MAX_WAIT_S, oneOf, perPage, wholeNumber } from "./list-query.ts";
import { nextChange } from "./next-change.ts";
import { HttpProblem } from "./problem.ts";
import { RequestLimit } from "./request-limit.ts";

const NO_SUCH_DEPLOYMENT = "there is no deployment with this id; `twinhook deployments` lists them";

export interface DeploymentRoutesOptions {
  store: Store;
  clock: Clock;
  acceptor: Acceptor;
  credentials: Credentials;
  audit: Audit;
  jobs: JobRights;
  runs: KnownRuns;
  /** Maps repository names in the configuration to today's names; without it, names stand for themselves. */
  names?: RepositoryNames | undefined;
  /** The URL of a deployment's page. */
  pageUrl: (id: string) => string;
  /** Called when a deployment is queued again. */
  onQueued: () => void;
  /** Called when an Action has learnt that its deployment is as requested. */
  onVerified?: () => void;
}

/** `/api/deployments`: accepts requests, and shows deployments. */
export function deploymentRoutes(options: DeploymentRoutesOptions): Hono {
  const { store, clock, acceptor, credentials, audit, jobs, runs, pageUrl, onQueued, onVerified } = options;
  const limit = new RequestLimit(clock);
  const routes = new Hono();

  routes.post("/", async (c) => {
    const body = await readText(c);
    const caller = await callerOf(c, body, credentials);
    limit.count(caller);
    if (mediaType(c.req.header("content-type")) !== "application/json")
      throw new HttpProblem(415, "the content type must be application/json");
    const parsed = parseDeploymentRequest(parseBody(body), { admin: isPerson(caller) });
    if ("problem" in parsed) throw new HttpProblem(400, `the request is not understood: ${parsed.problem}`);
    const arrival = await permittedArrival(caller, parsed.request, {
      store,
      targets: credentials.targets,
      names: options.names,
      jobs,
      runs,
    });
    if (parsed.request.dry_run) {
      const preview = await previewArrival(store, arrival, clock.now());
      if ("conflict" in preview) throw new HttpProblem(409, preview.conflict.reason);
      // A dry run stores nothing, so a new deployment has no id.
      const { deployment, duplicate } = preview;
      const shown = duplicate ? await present(deployment, true) : presentDeployment(deployment, { url: "" });
      return c.json({ ...shown, ...(duplicate ? {} : { id: null, url: null }), dry_run: true });
    }
    const accepted = isPerson(caller) ? await acceptOf(caller, arrival) : await accept(arrival);
    const [deployed] = accepted.deployments;
    const row = deployed && (await find(deployed.id));
    if (!row)
      throw new HttpProblem(503, "the deployment cannot be read back; ask again", { "retry-after": "1" });
    return c.json(await present(row, deployed.duplicate), deployed.duplicate ? 200 : 202);
  });

  routes.get("/", async (c) => {
    const visible = visibleRepositories(await readerOf(c, credentials));
    const limit = perPage(c.req.query("per_page"));
    const after = decodeCursor<[seq: number]>(c.req.query("cursor"), ["number"])?.[0];
    const status = oneOf(c.req.query("status"), "status", DEPLOYMENT_STATUSES);
    const { repository, target, environment, sha } = c.req.query();
    const { rows, next } = await listDeployments(store, {
      visible,
      filter: { status, repository, target, environment, sha },
      before: after,
      limit,
    });
    return c.json({
      items: rows.map((row) => presentDeployment(row, { url: pageUrl(row.id) })),
      next_cursor: next === null ? null : encodeCursor([next]),
    });
  });

  routes.get("/:id", async (c) => {
    const wait = wholeNumber(c.req.query("wait"), { name: "wait", min: 0, max: MAX_WAIT_S, missing: 0 });
    const waitFor = oneOf(c.req.query("for"), "for", WAIT_FOR);
    const first = await permitted(c);
    const until = clock.monotonic() + wait * 1000;
    const worthWaiting = (row: DeploymentRecord) =>
      row.status === first.status &&
      row.attempt === first.attempt &&
      !isFinal(row.status) &&
      !(waitFor !== undefined && satisfies(row.status, waitFor));
    let row = first;
    for (let left = wait * 1000; left > 0 && worthWaiting(row); left = until - clock.monotonic()) {
      const changed = nextChange(store, left, c.req.raw.signal);
      // Read after the watch began, so that no change falls between the two.
      row = (await find(row.id)) ?? row;
      if (c.req.raw.signal.aborted || !worthWaiting(row)) break;
      await changed;
    }
    if (waitFor !== undefined && satisfies(row.status, waitFor) && row.verified_at === null)
      row = await stampVerified(row);
    return c.json(await present(row));
  });

  routes.get("/:id/log", async (c) => {
    const row = await seen(await viewerOf(c, credentials), c.req.param("id"));
    const flag = (name: string) => ["1", "true"].includes(c.req.query(name) ?? "");
    return c.body(streamLog(store, row.id, { follow: flag("follow"), timestamps: flag("timestamps") }), 200, {
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    });
  });

  routes.post("/:id/cancel", async (c) => {
    const { id, viewer } = await managed(c);
    await audit.run(viewer, "cancel", id, async () => {
      if ((await cancel(store, id)) === "final")
        throw new HttpProblem(409, "the deployment has ended already; there is nothing to cancel");
      return "it is being cancelled";
    });
    return c.json(await present(await known(id)), 202);
  });

  routes.post("/:id/retry", async (c) => {
    const { id, viewer } = await managed(c);
    await audit.run(viewer, "retry", id, async () => {
      const refused = await retry(store, id);
      if (refused) throw new HttpProblem(409, refused);
      return "it waits to run again";
    });
    onQueued();
    return c.json(await present(await known(id)), 202);
  });

  return routes;

  async function accept(arrival: Arrival): Promise<Accepted> {
    const accepted = await acceptor.accept(arrival);
    if (accepted.conflict) throw new HttpProblem(409, accepted.conflict.reason);
    return accepted;
  }

  /** Accepts an arrival; a person's request is recorded in the audit list. */
  async function acceptOf(viewer: Viewer, arrival: Arrival): Promise<Accepted> {
    const { repository, targets, facts } = arrival;
    const details = `${targets.map(({ name }) => name).join(", ")} of ${repository}, ${facts?.sha}`;
    let accepted: Accepted | undefined;
    await audit.run(viewer, "deploy", details, async () => {
      accepted = await accept(arrival);
      return `${accepted.outcome}: ${accepted.deployments.map(({ id }) => id).join(", ")}`;
    });
    return accepted as Accepted;
  }

  function find(id: string): Promise<DeploymentRecord | undefined> {
    return store.read.selectFrom("deployments").selectAll().where("id", "=", id).executeTakeFirst();
  }

  async function known(id: string): Promise<DeploymentRecord> {
    const row = await find(id);
    if (!row) throw new HttpProblem(404, NO_SUCH_DEPLOYMENT);
    return row;
  }

  /** The deployment that a GET names, if the caller may see it. */
  async function permitted(c: Context): Promise<DeploymentRecord> {
    const caller = await callerOf(c, "", credentials);
    const row = await known(c.req.param("id") ?? "");
    const { repository_key: repository, target } = row;
    await requireSightOf(caller, { repository, target }, { jobs, missing: NO_SUCH_DEPLOYMENT });
    return row;
  }

  async function seen(viewer: Viewer, id: string): Promise<DeploymentRecord> {
    const row = await known(id);
    requireSight(viewer, row.repository_key, row.target, NO_SUCH_DEPLOYMENT);
    return row;
  }

  /** The deployment that a person wants to change, if they may. */
  async function managed(c: Context): Promise<{ id: string; viewer: Viewer }> {
    const viewer = await viewerOf(c, credentials);
    // Rights go by the name in twinhook.yml: the repository may have another name at GitHub by now.
    const { id, repository_key, target } = await seen(viewer, c.req.param("id") ?? "");
    requireManager(viewer, repository_key, target);
    return { id, viewer };
  }

  async function present(row: DeploymentRecord, duplicate = false) {
    const target = credentials.targets.find(
      (t) => repositoryKey(t.repository) === row.repository_key && t.name === row.target,
    );
    const tail = target?.share_log ? await logTail(store, row.id) : null;
    return presentDeployment(row, { url: pageUrl(row.id), duplicate, logTail: tail });
  }

  async function stampVerified(row: DeploymentRecord): Promise<DeploymentRecord> {
    const verified_at = await store.write(async (trx) => {
      const now = await store.now(trx);
      await trx
        .updateTable("deployments")
        .set({ verified_at: now })
        .where("id", "=", row.id)
        .where("verified_at", "is", null)
        .execute();
      return now;
    });
    onVerified?.();
    return { ...row, verified_at };
  }
}

/** The caller of a request: by signature or bearer token, else by the session. */
async function callerOf(c: Context, body: string, credentials: Credentials): Promise<Caller> {
  const headers = c.req.header();
  const proves = headers.authorization !== undefined || headers["webhook-signature"] !== undefined;
  return proves || headers.cookie === undefined
    ? authenticate(headers, body, credentials)
    : viewerOf(c, credentials);
}

async function readText(c: Context): Promise<string> {
  const tooLarge = () =>
    new HttpProblem(413, `the body is larger than ${MAX_REQUEST_BYTES} bytes; shorten the payload`);
  if (Number(c.req.header("content-length") ?? 0) > MAX_REQUEST_BYTES) throw tooLarge();
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_REQUEST_BYTES) throw tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseBody(text: string): unknown {
  try {
    return readRequestBody(text);
  } catch {
    throw new HttpProblem(400, "the body is not JSON");
  }
}

function mediaType(header: string | undefined): string | undefined {
  return header?.split(";")[0]?.trim().toLowerCase();
}
