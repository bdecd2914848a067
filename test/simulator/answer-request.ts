import { authorizeKind, authorizePermission, identifyCaller, visibleRepository } from "./caller.ts";
import { GitHubError } from "./github-error.ts";
import type { RateLimits } from "./rate-limits.ts";
import { stringifyExact } from "./raw-json.ts";
import type { Answer, Caller, RouteContext, Router } from "./router.ts";
import { stableSha } from "./stable-values.ts";
import type { RepositoryRecord, World } from "./world.ts";

/** The record of one request. */
export interface RequestRecord {
  method: string;
  /** Without `/api/v3` and without the query. */
  path: string;
  query: Record<string, string>;
  auth: Caller["kind"] | "refused";
  /** The time of its arrival in milliseconds since 1970, by the simulated clock. */
  at: number;
  /** The raw body, or null. */
  body: string | null;
  /** The status of the answer; null while there is none. */
  status: number | null;
}

/** A request that was read and goes to its route. */
export interface IncomingCall {
  world: World;
  router: Router;
  /** Null on a server without limits. */
  limits: RateLimits | null;
  record: RequestRecord;
  fields: () => Record<string, unknown>;
  headers: Record<string, string | undefined>;
  query: URLSearchParams;
  root: string;
}

/** Requests that create content; GitHub limits these separately. */
const CONTENT = /^POST .*\/(deployments|statuses|issues|comments)$/;

function etagOf({ body }: Answer): string {
  return `W/"${stableSha(stringifyExact(body ?? ""))}"`;
}

/** The new path of a renamed repository, until another repository takes the old name. */
function newPlace({ world, record, query, root }: IncomingCall, fullName: string): string | undefined {
  const name = world.repositories.has(fullName.toLowerCase())
    ? undefined
    : world.moved.get(fullName.toLowerCase());
  return name && `${root}${record.path.replace(fullName, name)}${query.size > 0 ? `?${query}` : ""}`;
}

/**
 * Finds the route, checks the caller and the limits, and lets the route answer. Errors become GitHub's
 * answers.
 */
export function answerRequest(call: IncomingCall): Answer {
  const { world, router, limits, record, root } = call;
  let headers: Record<string, string> = {};
  try {
    const found = router.find(record.method, record.path);
    // Outside the API, a token may not be GitHub's own, for example a runner's.
    const anyone = found?.route.auth === "none";
    record.auth = "refused";
    const caller: Caller = anyone ? { kind: "none" } : identifyCaller(world, call.headers.authorization);
    record.auth = caller.kind;
    const now = world.clock.now();
    const rate = limits?.count(caller, now);
    headers = rate?.headers ?? {};
    if (!anyone && rate?.within === false)
      throw new GitHubError(403, "API rate limit exceeded for this caller.");
    if (!found) throw new GitHubError(404, "Not Found");
    authorizeKind(found.route, caller);
    const { owner, repo } = found.params;
    const moved = repo !== undefined && newPlace(call, `${owner}/${repo}`);
    if (moved)
      return { status: record.method === "GET" ? 301 : 307, headers: { ...headers, location: moved } };
    const repository = repo === undefined ? undefined : visibleRepository(world, caller, `${owner}/${repo}`);
    authorizePermission(found.route, caller);
    const context: RouteContext = {
      world,
      params: found.params,
      query: call.query,
      body: call.fields(),
      headers: call.headers,
      caller,
      self: `${root}${record.path}`,
      root,
      // Only routes with {owner}/{repo} read it.
      repository: repository as RepositoryRecord,
    };
    if (limits && CONTENT.test(`${record.method} ${found.route.path}`) && !limits.countContent(caller, now))
      throw new GitHubError(403, "You have exceeded a secondary rate limit. Please wait a few minutes.");
    const answer = found.route.handle(context);
    const etag = record.method === "GET" && answer.status === 200 ? etagOf(answer) : null;
    if (etag !== null && call.headers["if-none-match"] === etag)
      return { status: 304, headers: { ...limits?.takeBack(caller), etag } };
    return { ...answer, headers: { ...headers, ...(etag !== null && { etag }), ...answer.headers } };
  } catch (error) {
    if (error instanceof GitHubError) return { status: error.status, body: error.body, headers };
    // A fault of the simulator itself is reported loudly, so that no test takes it for GitHub's.
    console.error("the simulated GitHub failed", error);
    return { status: 500, body: { message: `the simulated GitHub failed: ${error}` }, headers };
  }
}
