import type { Visit } from "../../auth/sign-in.ts";
import { mayOperate } from "../../auth/viewer.ts";
import { HttpProblem } from "../../http/problem.ts";

/** @throws {HttpProblem} 403 for people who may not change settings. */
export function requireOperator({ viewer }: Visit): void {
  if (!mayOperate(viewer))
    throw new HttpProblem(403, "the settings are for those named in `admins`, and for the admin token");
}
