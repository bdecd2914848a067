import type { Context } from "hono";
import { type Credentials, requireAdmin } from "./authenticate.ts";
import { Refusal } from "./refusal.ts";
import type { SignIn } from "./sign-in.ts";
import { mayManage, mayOperate, type Viewer } from "./viewer.ts";

export type ViewerCredentials = Pick<Credentials, "adminToken"> & { signIn: SignIn };

/** Methods that change nothing, so they may come from any page. */
const SAFE_METHODS = ["GET", "HEAD"];

/**
 * Identifies the viewer of an API request: the admin token (bearer) or a session. In a session, every request
 * that changes something must come from one of the App's own pages.
 * @throws {Refusal} unauthenticated when no identity is proven. {Refusal} forbidden when another site sent
 * the request.
 */
export async function viewerOf(c: Context, { signIn, ...credentials }: ViewerCredentials): Promise<Viewer> {
  const headers = c.req.header();
  if (headers.authorization !== undefined || headers.cookie === undefined) {
    requireAdmin(headers, credentials);
    return { kind: "admin" };
  }
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
 * Like {@link viewerOf}, but only for people who may switch over and change settings.
 * @throws {Refusal} forbidden for anyone else.
 */
export async function operatorOf(c: Context, credentials: ViewerCredentials): Promise<Viewer> {
  const viewer = await viewerOf(c, credentials);
  if (mayOperate(viewer)) return viewer;
  throw new Refusal("forbidden", "only those named in `admins`, and the admin token, may do this");
}

/**
 * Requires the admin right on a repository that the viewer sees.
 * @throws {Refusal} forbidden
 */
export function requireManager(viewer: Viewer, repository: string): void {
  if (!mayManage(viewer, repository))
    throw new Refusal(
      "forbidden",
      `this needs the right "admin" on ${repository} at GitHub; ask one of its admins`,
    );
}
