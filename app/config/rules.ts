import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { assertDeliverySecret } from "../../shared/delivery-signature.ts";
import type { ConfigProblem } from "./problem.ts";
import type { FileConfig, TargetConfig } from "./schema.ts";
import type { YamlFile } from "./yaml-file.ts";

/** The rules that no single key can break by itself. Returns everything that breaks one. */
export function checkRules(config: FileConfig, file: YamlFile, env: NodeJS.ProcessEnv): ConfigProblem[] {
  return [
    ...instancesDiffer(config, file),
    ...thresholdsFit(config, file),
    ...targetsDiffer(config, file),
    ...config.targets.flatMap((target, index) => targetCanRun(target, index, file, env)),
  ];
}

function instancesDiffer({ instances, door }: FileConfig, file: YamlFile): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const unique = (field: string, what: string, value: (i: (typeof instances)[number]) => string) => {
    const seen = new Map<string, number>();
    for (const [index, instance] of instances.entries()) {
      const first = seen.get(value(instance));
      if (first === undefined) seen.set(value(instance), index);
      else
        problems.push(
          file.problem(["instances", index, field], {
            expected: `${what} of its own for every instance`,
            got: `${value(instance)}, which is that of instances[${first}] as well`,
            remedy: `give one of the two another ${field}`,
          }),
        );
    }
  };
  unique("name", "a name", (i) => i.name);
  unique("url", "a URL", (i) => i.url);
  // Two hosts may well listen on the same address of their own.
  unique("listen", "a port", (i) => (i.host ? `${i.listen} on ${i.host}` : i.listen));
  for (const [index, { listen }] of instances.entries())
    if (door && door.listen === listen)
      problems.push(
        file.problem(["door", "listen"], {
          expected: "a port of its own",
          got: `${listen}, on which instances[${index}] listens`,
          remedy: "the door is a further port, shared by all instances",
        }),
      );
  return problems;
}

function thresholdsFit({ failover: f, retry }: FileConfig, file: YamlFile): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (f.recovery_response_time >= f.max_response_time)
    problems.push(
      file.problem(["failover", "recovery_response_time"], {
        expected: `less than max_response_time (${f.max_response_time}ms)`,
        got: `${f.recovery_response_time}ms`,
        remedy: "an endpoint would fail over and recover at once, back and forth",
      }),
    );
  if (f.recovery_success_rate <= f.min_success_rate)
    problems.push(
      file.problem(["failover", "recovery_success_rate"], {
        expected: `more than min_success_rate (${f.min_success_rate})`,
        got: `${f.recovery_success_rate}`,
        remedy: "an endpoint would fail over and recover at once, back and forth",
      }),
    );
  if (retry.max_delay < retry.base_delay)
    problems.push(
      file.problem(["retry", "max_delay"], {
        expected: `at least base_delay (${retry.base_delay}ms)`,
        got: `${retry.max_delay}ms`,
      }),
    );
  return problems;
}

function targetsDiffer({ targets }: FileConfig, file: YamlFile): ConfigProblem[] {
  const seen = new Map<string, number>();
  const problems: ConfigProblem[] = [];
  for (const [index, { repository, name }] of targets.entries()) {
    const key = `${repository.toLowerCase()} ${name}`;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, index);
    else
      problems.push(
        file.problem(["targets", index, "name"], {
          expected: `a name of its own within ${repository}`,
          got: `${name}, which is that of targets[${first}] as well`,
          remedy: "a target without a name takes its environment's: give one of the two a name",
        }),
      );
  }
  return problems;
}

function targetCanRun(
  target: TargetConfig,
  index: number,
  file: YamlFile,
  env: NodeJS.ProcessEnv,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const at = (...path: (string | number)[]) => ["targets", index, ...path];
  if (!statSync(target.directory, { throwIfNoEntry: false })?.isDirectory())
    problems.push(
      file.problem(at("directory"), {
        expected: "a directory that exists",
        got: target.directory,
        remedy: `mkdir -p ${target.directory}, or correct the path`,
      }),
    );
  else if (!findCommand(target, env.PATH))
    problems.push(
      file.problem(at("run"), {
        expected: "a command that exists and may be executed",
        got: target.run[0] as string,
        remedy: `it is looked for in ${target.directory} when it holds a slash, else along PATH (chmod +x?)`,
      }),
    );
  for (const name of target.pass_env)
    if (env[name] === undefined)
      problems.push(
        file.problem(at("pass_env"), {
          expected: `the variable ${name} to be set`,
          got: "nothing",
          remedy: `set ${name}`,
        }),
      );
  const { secret_env } = target.action;
  if (secret_env)
    problems.push(
      ...secretIsSet(secret_env, env).map((rest) => file.problem(at("action", "secret_env"), rest)),
    );
  return problems;
}

function secretIsSet(
  name: string,
  env: NodeJS.ProcessEnv,
): Pick<ConfigProblem, "expected" | "got" | "remedy">[] {
  const remedy = `set ${name}, for example to the output of: echo "whsec_$(openssl rand -base64 32)"`;
  const value = env[name];
  if (!value) return [{ expected: `the variable ${name} to be set`, got: "nothing", remedy }];
  try {
    assertDeliverySecret(value);
    return [];
  } catch (error) {
    const expected = (error as Error).message.replace(/^expected /, "");
    return [{ expected: `in ${name} ${expected}`, got: "something else", remedy }];
  }
}

/** Whether the command of a target exists and may be executed, found as the operating system would find it. */
function findCommand({ run, directory }: TargetConfig, path = ""): boolean {
  const [command] = run as [string];
  const candidates = command.includes("/")
    ? [isAbsolute(command) ? command : resolve(directory, command)]
    : path.split(delimiter).map((folder) => join(folder, command));
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return statSync(candidate).isFile();
    } catch {
      return false;
    }
  });
}
