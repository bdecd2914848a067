import type { KnownDeployment } from "../ask/answer.ts";
import type { Checked } from "../check.ts";
import type { OnSuperseded } from "../input/inputs.ts";

/** How the step ended. Each variant carries what only it knows. */
export type Verdict =
  | { kind: "confirmed" | "superseded" | "cancelled" | "failed"; deployment: KnownDeployment }
  | ({ kind: "dry run" } & Checked)
  | { kind: "unconfirmed"; because: "unreadable" | "time up" }
  | {
      kind: "exhausted";
      /** What became of the endpoints, or of the request at GitHub after they had failed. */
      because: "rounds" | "refused" | "unproven" | "too long to wait" | "time up" | "refused at GitHub";
      /** Whether it could not be left at GitHub either. */
      alsoGitHub?: boolean;
    }
  | { kind: "stopped"; signal: string }
  | { kind: "misconfigured"; problems: readonly string[] }
  | { kind: "broken"; message: string };

/** Whether this end makes the step green. Only three kinds ever do. */
export function isSuccess(verdict: Verdict, onSuperseded: OnSuperseded): boolean {
  switch (verdict.kind) {
    case "confirmed":
      return true;
    case "dry run":
      // GitHub is the last resort, and not everyone wants to give the permission for it.
      return verdict.failing.every(({ route }) => route === "github");
    case "superseded":
      return onSuperseded === "pass";
    default:
      return false;
  }
}
