import { hostname } from "node:os";
import { isDeepStrictEqual } from "node:util";
import { listenClash } from "../listen-address.ts";
import type { Config } from "../load.ts";
import type { ConfigProblem } from "../problem.ts";
import type { InstanceConfig } from "../schema.ts";

const BY_RESTART = "twinhook restart takes it, one instance after the other";
const BY_STOP = "stop the service and start it again (systemctl restart twinhook)";

/** The instances of this host. */
export function localInstances({ instances }: Pick<Config, "instances">): InstanceConfig[] {
  return instances.filter(({ host }) => host === undefined || host === hostname());
}

/** What a running instance cannot take over: its ports and its store. Each problem names the command that can. */
export function fixedInInstance(now: Config, next: Config): ConfigProblem[] {
  const names = (config: Config) => localInstances(config).map(({ name }) => name);
  const differs = (key: string, expected: unknown, got: unknown): ConfigProblem[] =>
    isDeepStrictEqual(expected, got)
      ? []
      : [fixed(next, key, JSON.stringify(expected ?? null), JSON.stringify(got ?? null), BY_RESTART)];
  return [
    ...fixedInService(now, next),
    ...differs("instances", names(now), names(next)),
    ...localInstances(next).flatMap((instance) => {
      const running = now.instances.find(({ name }) => name === instance.name);
      if (!running) return [];
      return (["listen", "tls"] as const).flatMap((key) =>
        differs(`instances[${next.instances.indexOf(instance)}].${key}`, running[key], instance[key]),
      );
    }),
    ...differs("door.listen", now.door?.listen, next.door?.listen),
  ];
}

/** What not even a restart of one instance after the other can take over. */
export function fixedInService(now: Config, next: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  // Two instances with different stores would deploy the same run twice.
  if (!isDeepStrictEqual(now.store, next.store) || now.stateDirectory !== next.stateDirectory)
    problems.push(fixed(next, "store", "the store that the instances use", "another one", BY_STOP));
  for (const instance of localInstances(next)) {
    const holder = localInstances(now).find(
      ({ name, listen }) => name !== instance.name && listenClash(listen, instance.listen),
    );
    if (holder)
      problems.push(
        fixed(
          next,
          `instances[${next.instances.indexOf(instance)}].listen`,
          "an address that no other instance has now",
          `${instance.listen}, where ${holder.name} listens`,
          BY_STOP,
        ),
      );
  }
  return problems;
}

function fixed({ file, written }: Config, key: string, expected: string, got: string, remedy: string) {
  const line = written.line(key.split(/[.[\]]+/).filter((step) => step !== ""));
  return { file, ...(line === undefined ? {} : { line }), key, expected, got, remedy };
}
