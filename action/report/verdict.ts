import type { KnownDeployment } from "../ask/answer.ts";
import type { Checked } from "../check.ts";
import type { OnSuperseded } from "../input/inputs.ts";

/** How the step ended. Each variant carries its own facts. */
export type Verdict =
  | { kind: "confirmed" | "superseded" | "cancelled" | "failed"; deployment: KnownDeployment }
  | ({ kind: "dry run" } & Checked)
  | { kind: "unconfirmed"; because: "unreadable" | "time up" }
  | {
      kind: "exhausted";
      /** How the endpoints failed, or the request that was parked at GitHub afterwards. */
      because: "rounds" | "refused" | "unproven" | "too long to wait" | "time up" | "refused at GitHub";
      /** Whether parking the request at GitHub failed as well. */
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
      // GitHub is the last resort, and not every job has the permission for it.
      return verdict.failing.every(({ route }) => route === "github");
    case "superseded":
      return onSuperseded === "pass";
    default:
      return false;
  }
}
