import type { Config } from "../../config/load.ts";
import type { Failover } from "../../failover/failover.ts";
import { pin, readSwitchboard } from "../../failover/switchboard.ts";
import type { Store } from "../../store/store.ts";
import { HttpProblem } from "../problem.ts";

export interface Switchover {
  /** The instance that becomes the active one. */
  to: string;
  reason: string | null;
  /** Whether to accept an instance that is not healthy. */
  force: boolean;
}

/**
 * Makes an instance the active one and pins it. The pin lasts until it is released, or until the instance is
 * down while another is up.
 * @throws {HttpProblem} 400 for an unknown instance; 409 when the instance is not healthy; 503 before a
 * controller works.
 */
export async function switchOver(
  { config, store, failover }: { config: Config; store: Store; failover: Failover },
  { to, reason, force }: Switchover,
): Promise<void> {
  const names = config.instances.map(({ name }) => name);
  if (!names.includes(to))
    throw new HttpProblem(400, `to: expected one of ${names.join(", ")}, got ${JSON.stringify(to)}`);
  const health = failover.checker.observe().find(({ name }) => name === to)?.health;
  if (health?.status !== "healthy" && !force)
    throw new HttpProblem(
      409,
      `${to} is ${health?.status === "unknown" ? "not known to be healthy" : health?.status}: ${health?.reason}; wait until it is healthy, or send "force": true`,
    );
  if (!(await readSwitchboard(store)))
    throw new HttpProblem(503, "no controller has begun to work yet; try again in a moment", {
      "retry-after": "1",
    });
  await pin(store, to, reason, health?.status !== "healthy" && health?.status !== "degraded");
}
