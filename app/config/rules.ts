import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { readCertificate } from "./certificate.ts";
import { checkAlerts } from "./checks/alerts.ts";
import { checkHosts, runsHere } from "./checks/hosts.ts";
import { checkStateFolder } from "./checks/state-folder.ts";
import { wrongSecret } from "./checks/wrong-secret.ts";
import { APP_SECRETS } from "./environment/environment.ts";
import { listenClash } from "./listen-address.ts";
import type { ConfigProblem } from "./problem.ts";
import type { AlertConfig, FileConfig, InstanceConfig, TargetConfig } from "./schema.ts";
import { checkMask } from "./secret-values.ts";
import type { StoreAddress } from "./store-address.ts";
import { isNamed } from "./target-name.ts";
import type { YamlFile } from "./yaml-file.ts";

/**
 * The parts of the configuration that the rules check. A part of the wrong shape is undefined, and rules skip
 * it.
 */
export interface Checkable {
  instances: readonly (InstanceConfig | undefined)[];
  targets: readonly (TargetConfig | undefined)[];
  failover: FileConfig["failover"] | undefined;
  retry: FileConfig["retry"] | undefined;
  door: FileConfig["door"] | undefined;
  alerts: readonly (AlertConfig | undefined)[];
  deadMansSwitch: FileConfig["dead_mans_switch"] | undefined;
  /** The directory of the store and of the host's locks. */
  stateDirectory: string | undefined;
  /** The store, from the file or the environment. */
  store: StoreAddress | undefined;
}

type Rest = Pick<ConfigProblem, "expected" | "got" | "remedy">;

/** Checks the rules that concern several keys, or the system. Returns every fault. */
export function checkRules(config: Checkable, file: YamlFile, env: NodeJS.ProcessEnv): ConfigProblem[] {
  return [
    ...instancesDiffer(config, file),
    ...checkHosts(config, file),
    ...certificatesExist(config, file),
    ...certificatesFit(config, file),
    ...thresholdsFit(config, file),
    ...targetsDiffer(config, file),
    ...config.targets.flatMap((target, index) =>
      !target
        ? []
        : [
            ...(runsHere(target, config.instances) ? targetCanRun(target, index, file, env) : []),
            ...secretFits(target, index, file, env),
          ],
    ),
    ...checkAlerts(config, file, env),
    ...checkStateFolder(config.stateDirectory, file),
    ...storeIsFile(config, file),
  ];
}

function storeIsFile({ store }: Checkable, file: YamlFile): ConfigProblem[] {
  if (store?.engine !== "sqlite" || !isUsable(store.path, constants.F_OK, "directory")) return [];
  return [
    file.problem(["store"], {
      expected: "the path of a file",
      got: `${store.path}, which is a directory`,
      remedy: `name a file in it, such as sqlite:${join(store.path, "twinhook.db")}`,
    }),
  ];
}

function instancesDiffer({ instances, door }: Checkable, file: YamlFile): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const differ = (
    field: "name" | "url" | "listen",
    expected: string,
    same: (a: InstanceConfig, b: InstanceConfig) => boolean,
  ) => {
    for (const [index, instance] of instances.entries()) {
      const first = instances.findIndex((other, before) => {
        return before < index && other !== undefined && instance !== undefined && same(other, instance);
      });
      if (first === -1 || !instance) continue;
      const [own, others] = [instance[field], instances[first]?.[field]];
      problems.push(
        file.problem(["instances", index, field], {
          expected: `${expected} of its own for every instance`,
          got: `${own}, which is ${own === others ? "" : `the same as ${others}, `}that of instances[${first}]`,
          remedy: `give one of the two another ${field}`,
        }),
      );
    }
  };
  differ("name", "a name", (a, b) => a.name === b.name);
  differ("url", "a URL", (a, b) => new URL(a.url).href === new URL(b.url).href);
  // Two hosts may listen on the same address.
  const apart = (a: InstanceConfig, b: InstanceConfig) => a.host && b.host && a.host !== b.host;
  differ("listen", "a port", (a, b) => !apart(a, b) && listenClash(a.listen, b.listen));

  const taken = instances.findIndex((i) => i && door && listenClash(door.listen, i.listen));
  if (door && taken !== -1)
    problems.push(
      file.problem(["door", "listen"], {
        expected: "a port of its own",
        got: `${door.listen}, where instances[${taken}] listens (${instances[taken]?.listen})`,
        remedy: "the door is a further port, shared by all instances",
      }),
    );
  return problems;
}

function certificatesExist({ instances }: Checkable, file: YamlFile): ConfigProblem[] {
  return instances.flatMap((instance, index) =>
    (["cert", "key"] as const).flatMap((which) => {
      const path = instance?.tls?.[which];
      if (path === undefined || isUsable(path, constants.R_OK, "file")) return [];
      return file.problem(["instances", index, "tls", which], {
        expected: "a PEM file that this user may read",
        got: path.includes("-----BEGIN") ? "its content; write the path of the file" : path,
      });
    }),
  );
}

function certificatesFit({ instances }: Checkable, file: YamlFile): ConfigProblem[] {
  return instances.flatMap((instance, index) => {
    const { cert, key } = instance?.tls ?? {};
    if (!cert || !key || ![cert, key].every((path) => isUsable(path, constants.R_OK, "file"))) return [];
    try {
      readCertificate({ cert, key });
      return [];
    } catch (error) {
      return file.problem(["instances", index, "tls"], {
        expected: "a certificate and its private key without a passphrase, in PEM",
        got: `${cert} and ${key} (${(error as Error).message})`,
        remedy: "openssl x509 -noout -text -in CERT and openssl pkey -noout -in KEY show what each one is",
      });
    }
  });
}

const BACK_AND_FORTH = "an endpoint would fail over and recover at once, back and forth";

function thresholdsFit({ failover: f, retry }: Checkable, file: YamlFile): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (f && f.recovery_response_time >= f.max_response_time)
    problems.push(
      file.problem(["failover", "recovery_response_time"], {
        expected: `less than max_response_time (${f.max_response_time}ms)`,
        got: `${f.recovery_response_time}ms`,
        remedy: BACK_AND_FORTH,
      }),
    );
  if (f && f.recovery_success_rate <= f.min_success_rate)
    problems.push(
      file.problem(["failover", "recovery_success_rate"], {
        expected: `more than min_success_rate (${f.min_success_rate})`,
        got: `${f.recovery_success_rate}`,
        remedy: BACK_AND_FORTH,
      }),
    );
  if (retry && retry.max_delay < retry.base_delay)
    problems.push(
      file.problem(["retry", "max_delay"], {
        expected: `at least base_delay (${retry.base_delay}ms)`,
        got: `${retry.max_delay}ms`,
      }),
    );
  return problems;
}

function targetsDiffer({ targets }: Checkable, file: YamlFile): ConfigProblem[] {
  // By repository and name, whatever their case: comparing each two of a thousand targets takes long.
  const alike = new Map<string, number[]>();
  return targets.flatMap((target, index) => {
    if (!target) return [];
    const { repository, name } = target;
    const key = `${repository} ${name}`.toLowerCase();
    const before = alike.get(key) ?? [];
    alike.set(key, before);
    const first = before.find((earlier) => {
      const other = targets[earlier];
      return other && (isNamed(other, name) || isNamed(target, other.name));
    });
    before.push(index);
    if (first === undefined) return [];
    const same = targets[first]?.name === name ? "" : ", but for its case,";
    return file.problem(["targets", index, "name"], {
      expected: `a name of its own within ${repository}`,
      got: `${name}, which is${same} that of targets[${first}]`,
      remedy: "a target without a name takes its environment's: give one of the two a name",
    });
  });
}

function targetCanRun(
  target: TargetConfig,
  index: number,
  file: YamlFile,
  env: NodeJS.ProcessEnv,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (path: (string | number)[], rest: Rest) =>
    problems.push(file.problem(["targets", index, ...path], rest));
  const [command] = target.run as [string];
  const directoryExists = isUsable(target.directory, constants.X_OK, "directory");
  if (!directoryExists)
    add(["directory"], {
      expected: "a directory that exists and that this user may enter",
      got: target.directory,
      remedy: `mkdir -p ${target.directory}, or correct the path`,
    });
  // In a missing directory every relative path is missing too, so do not report it again.
  const isBelow = command.includes("/") && !isAbsolute(command);
  if ((directoryExists || !isBelow) && !findCommand(target, env.PATH))
    add(["run"], {
      expected: "a command that exists and may be executed",
      got: JSON.stringify(command),
      remedy: isBelow
        ? `it is looked for in ${target.directory} (chmod +x?)`
        : command.includes("/")
          ? "create it, or chmod +x"
          : "it is looked for along PATH; write ./ before a file of the directory",
    });
  for (const [place, name] of target.pass_env.entries()) {
    if (APP_SECRETS.includes(name))
      add(["pass_env", place], {
        expected: "a variable that holds no secret of the App",
        got: name,
        remedy: "remove it: a deployment's command gets no secret of the App",
      });
    else if (env[name] === undefined)
      add(["pass_env", place], {
        expected: `the variable ${name} to be set`,
        got: "nothing",
        remedy: `set ${name} in the instance's environment`,
      });
  }
  return [...problems, ...checkMask(target, index, file, env)];
}

/** Checks the delivery secret. Every host needs it, since each accepts requests for every target. */
function secretFits(
  { action: { secret_env } }: TargetConfig,
  index: number,
  file: YamlFile,
  env: NodeJS.ProcessEnv,
): ConfigProblem[] {
  const wrong = secret_env === undefined ? undefined : wrongSecret(secret_env, env);
  return wrong ? [file.problem(["targets", index, "action", "secret_env"], wrong)] : [];
}

/**
 * Whether the command of a target exists and may be executed. It is searched like the operating system does
 * it.
 */
function findCommand({ run, directory, env }: TargetConfig, inheritedPath = ""): boolean {
  const [command] = run as [string];
  const candidates = command.includes("/")
    ? [resolve(directory, command)]
    : (env.PATH ?? inheritedPath).split(delimiter).map((folder) => join(folder, command));
  return candidates.some((candidate) => isUsable(candidate, constants.X_OK, "file"));
}

function isUsable(path: string, mode: number, kind: "file" | "directory"): boolean {
  try {
    // Most folders of PATH do not have the command, and an error costs more than the look.
    const found = statSync(path, { throwIfNoEntry: false });
    if (!(kind === "file" ? found?.isFile() : found?.isDirectory())) return false;
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
