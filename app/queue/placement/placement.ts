import { hostNames, hostOf } from "../../config/checks/hosts.ts";
import type { InstanceConfig, TargetConfig } from "../../config/schema.ts";
import type { Reader } from "../../store/store.ts";

/**
 * Where a target's command may run, as one host sees it.
 * - first: on the first of the hosts that is alive.
 * - all: on each of them, in their order.
 * - present: the same, but a host that is down is passed over.
 */
export interface Placement {
  rule: "first" | "all" | "present";
  /** The host that asks. It is alive, since it asks. */
  self: string;
  hosts: { name: string; instances: string[] }[];
}

/** The placement of a target, as the host of the instance `self` sees it; null where any host may run it. */
export function placementOf(
  { hosts }: Pick<TargetConfig, "hosts">,
  instances: readonly Pick<InstanceConfig, "name" | "host">[],
  self: string,
): Placement | null {
  if (hosts === "any") return null;
  const own = instances.find(({ name }) => name === self);
  return {
    rule: Array.isArray(hosts) ? "first" : hosts === "all" ? "all" : "present",
    self: own ? hostOf(own, instances) : "",
    hosts: (Array.isArray(hosts) ? hosts : hostNames(instances)).map((name) => ({
      name,
      instances: instances.filter((one) => hostOf(one, instances) === name).map((one) => one.name),
    })),
  };
}

/** The instances that the controller sees down. A host is down when all of its instances are. */
export async function downInstances(read: Reader): Promise<ReadonlySet<string>> {
  const rows = await read
    .selectFrom("endpoint_health")
    .select("endpoint")
    .where("status", "=", "unhealthy")
    .execute();
  return new Set(rows.map(({ endpoint }) => endpoint));
}

/** Whether a host of the placement is down. */
export function isDown({ self, hosts }: Placement, name: string, down: ReadonlySet<string>): boolean {
  const instances = hosts.find((host) => host.name === name)?.instances ?? [];
  return name !== self && instances.every((instance) => down.has(instance));
}

/** The candidate whose turn it is; null where none is alive. Under `all` it may be one that is down. */
export function inTurn(
  placement: Placement,
  candidates: readonly string[],
  down: ReadonlySet<string>,
): string | null {
  const alive = candidates.filter((name) => placement.rule === "all" || !isDown(placement, name, down));
  return alive[0] ?? null;
}
