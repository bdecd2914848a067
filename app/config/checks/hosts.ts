import { hostname } from "node:os";
import type { ConfigProblem } from "../problem.ts";
import type { InstanceConfig, TargetConfig } from "../schema.ts";
import type { StoreAddress } from "../store-address.ts";
import type { YamlFile } from "../yaml-file.ts";

/** The name of the only host, where no instance names its host. */
const ONLY_HOST = "localhost";

type Instances = readonly (Pick<InstanceConfig, "host"> | undefined)[];

/** The parts of the file that are checked here. A part of the wrong shape is undefined. */
interface Placed {
  instances: Instances;
  targets: readonly (TargetConfig | undefined)[];
  store: StoreAddress | undefined;
}

/** The hosts of these instances, in the order of twinhook.yml. */
export function hostNames(instances: Instances): string[] {
  const named = [...new Set(instances.flatMap((instance) => instance?.host ?? []))];
  return named.length === 0 ? [ONLY_HOST] : named;
}

/** The host of an instance. An instance that names none is on the only host. */
export function hostOf(instance: Pick<InstanceConfig, "host">, instances: Instances): string {
  return instance.host ?? (hostNames(instances)[0] as string);
}

/** Where a target's command runs, as twinhook.yml says it. */
export function hostsInWords(hosts: TargetConfig["hosts"]): string {
  if (Array.isArray(hosts)) return hosts.join(", ");
  return typeof hosts === "string" ? hosts : "all, missing: skip";
}

/** Whether this host may run the target's command, as far as its name tells. */
export function runsHere({ hosts }: TargetConfig, instances: Instances, here = hostname()): boolean {
  return !Array.isArray(hosts) || hosts.includes(here) || !hostNames(instances).includes(here);
}

/** Checks the hosts of the instances, and the hosts that the targets name. */
export function checkHosts(config: Placed, file: YamlFile): ConfigProblem[] {
  return [...instancesFit(config, file), ...targetsFit(config, file)];
}

function instancesFit({ instances, store }: Placed, file: YamlFile): ConfigProblem[] {
  const hosts = hostNames(instances);
  if (hosts.length < 2) return [];
  const problems = instances.flatMap((instance, index) =>
    !instance || instance.host !== undefined
      ? []
      : file.problem(["instances", index, "host"], {
          expected: "the name of its host, since others have one",
          got: "nothing",
          remedy: `add host: ${hosts.join(" or ")}`,
        }),
  );
  if (store?.engine === "sqlite")
    problems.push(
      file.problem(["store"], {
        expected: "postgres://…, since the instances are on several hosts",
        got: "sqlite",
        remedy:
          "SQLite serves the instances of one host; name a PostgreSQL database in store or DATABASE_URL",
      }),
    );
  return problems;
}

function targetsFit({ instances, targets }: Placed, file: YamlFile): ConfigProblem[] {
  const hosts = hostNames(instances);
  // A host may be missing here only because its instance is not understood.
  const complete = instances.every((instance) => instance !== undefined);
  return targets.flatMap((target, index) => {
    const problem = (path: (string | number)[], rest: Parameters<YamlFile["problem"]>[1]) =>
      file.problem(["targets", index, "hosts", ...path], rest);
    if (target?.hosts === "any" && hosts.length > 1)
      return problem([], {
        expected: `the hosts that it deploys to, since there are several: ${hosts.join(", ")}`,
        got: "any, which would leave the others as they are",
        remedy: `write hosts: [${hosts.join(", ")}] (the first that is alive), or hosts: all (one after the other)`,
      });
    if (!target || !Array.isArray(target.hosts) || !complete) return [];
    return target.hosts.flatMap((host, place) =>
      hosts.includes(host)
        ? []
        : problem([place], {
            expected: hosts.join(" or "),
            got: `${host}, which is the host of no instance`,
            remedy: "correct it, or add an instance with this host",
          }),
    );
  });
}
