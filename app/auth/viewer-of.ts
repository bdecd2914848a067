import type { Context } from "hono";
import { type Credentials, requireAdmin } from "./authenticate.ts";
import { Refusal } from "./refusal.ts";
import type { SignIn } from "./sign-in.ts";
import { mayManage, mayOperate, type Viewer } from "./viewer.ts";

export type ViewerCredentials = Pick<Credentials, "adminToken"> & { signIn: SignIn };

/** Methods that change nothing, and so may come from anywhere. */
const SAFE_METHODS = ["GET", "HEAD"];

/**
 * Who asks the API: the holder of the admin token (bearer), or someone in a session. In a session whatever is not
 * merely read must come from one of the App's own pages.
 * @throws {Refusal} unauthenticated when nobody is proven. {Refusal} forbidden when the request is not a page's of ours.
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
 * The same, for those alone who may switch over and change settings.
 * @throws {Refusal} forbidden for anyone else.
 */
export async function operatorOf(c: Context, credentials: ViewerCredentials): Promise<Viewer> {
  const viewer = await viewerOf(c, credentials);
  if (mayOperate(viewer)) return viewer;
  throw new Refusal("forbidden", "only those named in `admins`, and the admin token, may do this");
}

/**
 * Refuses what the viewer may not do in a repository that they see.
 * @throws {Refusal} forbidden
 */
export function requireManager(viewer: Viewer, repository: string): void {
  if (!mayManage(viewer, repository))
    throw new Refusal(
      "forbidden",
      `this needs the right "admin" on ${repository} at GitHub; ask one of its admins`,
    );
}
