import type { Context } from "hono";
import { type BearerCredentials, viewerByToken } from "./authenticate.ts";
import { Refusal } from "./refusal.ts";
import type { SignIn } from "./sign-in.ts";
import { deployScope } from "./token-scopes.ts";
import { mayInspect, mayManage, mayOperate, maySee, type Viewer } from "./viewer.ts";

export type ViewerCredentials = BearerCredentials & { signIn: SignIn };

/** Methods that change nothing, so they may come from any page. */
const SAFE_METHODS = ["GET", "HEAD"];

/**
 * Identifies the viewer of an API request: the admin token or a named one (bearer), or a session. In a session, every request
 * that changes something must come from one of the App's own pages.
 * @throws {Refusal} unauthenticated when no identity is proven. {Refusal} forbidden when another site sent
 * the request.
 */
export async function viewerOf(c: Context, { signIn, ...credentials }: ViewerCredentials): Promise<Viewer> {
  const headers = c.req.header();
  if (headers.authorization !== undefined || headers.cookie === undefined)
    return viewerByToken(headers, credentials);
  const visit = await signIn.visit(headers);
  if (!visit)
    throw new Refusal(
      "unauthenticated",
      "nobody is signed in (any more): sign in at /sign-in, or send a bearer token",
    );
  if (!SAFE_METHODS.includes(c.req.method)) signIn.checkIntent(visit, headers);
  return visit.viewer;
}

/**
 * Like {@link viewerOf}, for lists: people see what is theirs, and a named token needs the scope `read`.
 * @throws {Refusal} forbidden for a token without it.
 */
export async function readerOf(c: Context, credentials: ViewerCredentials): Promise<Viewer> {
  const viewer = await viewerOf(c, credentials);
  requireReader(viewer);
  return viewer;
}

/** @throws {Refusal} forbidden for a named token that may not read everything. */
export function requireReader(viewer: Viewer): void {
  if (viewer.kind === "token" && !mayInspect(viewer)) throw scopeMissing(viewer, "read");
}

/**
 * Like {@link viewerOf}, but only for those who may read what belongs to no repository.
 * @throws {Refusal} forbidden for anyone else.
 */
export async function inspectorOf(c: Context, credentials: ViewerCredentials): Promise<Viewer> {
  const viewer = await readerOf(c, credentials);
  if (mayInspect(viewer)) return viewer;
  throw new Refusal("forbidden", FOR_OPERATORS);
}

/**
 * Like {@link viewerOf}, but only for people who may switch over and change settings.
 * @throws {Refusal} forbidden for anyone else.
 */
export async function operatorOf(c: Context, credentials: ViewerCredentials): Promise<Viewer> {
  const viewer = await viewerOf(c, credentials);
  if (mayOperate(viewer)) return viewer;
  if (viewer.kind === "token") throw scopeMissing(viewer, "admin");
  throw new Refusal("forbidden", FOR_OPERATORS);
}

const FOR_OPERATORS = "only those named in `admins`, and the admin token, may do this";

/**
 * Requires the right to act on a target that the viewer sees; without a target: on all of the repository.
 * @throws {Refusal} forbidden
 */
export function requireManager(viewer: Viewer, repository: string, target?: string): void {
  if (mayManage(viewer, repository, target)) return;
  if (viewer.kind === "token")
    throw scopeMissing(
      viewer,
      target === undefined ? "admin" : `${deployScope(repository, target)} or admin`,
    );
  throw new Refusal(
    "forbidden",
    `this needs the right "admin" on ${repository} at GitHub; ask one of its admins`,
  );
}

/**
 * Requires that the viewer sees the target. For people, hidden things do not exist. A named token learns which scope it
 * lacks: an admin has made it.
 * @throws {Refusal} not_found with the text `missing`, or forbidden.
 */
export function requireSight(viewer: Viewer, repository: string, target: string, missing: string): void {
  if (maySee(viewer, repository, target)) return;
  if (viewer.kind === "token") throw scopeMissing(viewer, `read or ${deployScope(repository, target)}`);
  throw new Refusal("not_found", missing);
}

function scopeMissing({ name, scopes }: Extract<Viewer, { kind: "token" }>, needed: string): Refusal {
  return new Refusal(
    "forbidden",
    `the token ${name} has the scope ${scopes.join(", ")}, and this needs ${needed}; make a token with that scope at /settings, or by \`twinhook token create\``,
  );
}
