import type { ConfigProblem } from "./problem.ts";
import type { TargetConfig } from "./schema.ts";
import type { YamlFile } from "./yaml-file.ts";

/** A shorter text stands in too many places that are no secret. In characters. */
const SHORTEST = 6;
/** Names of variables whose values are secrets. */
const SECRET_NAME = /secret|token|passw|passphrase|pwd|private|credential|dsn|api_?key|(^|_)key(_|$)/i;

type Variables = Pick<TargetConfig, "env" | "pass_env" | "mask">;

/**
 * The texts that are masked in the output of a target's command. `environment` is the instance's own. A value of
 * several lines gives each line of 6 characters or more; a URL gives its password as well.
 */
export function secretValues(target: Variables, environment: NodeJS.ProcessEnv): string[] {
  const lines = secretVariables(target, environment).flatMap(({ value }) => linesOf(value));
  const all = lines.flatMap((line) => [line, ...credentialOf(line)]);
  return [...new Set(all)].filter((text) => text.length >= SHORTEST);
}

/** Warnings about secrets that are too short to be masked, whole or in a line. */
export function shortSecrets(target: Variables, environment: NodeJS.ProcessEnv): string[] {
  return secretVariables(target, environment).flatMap(({ key, name, value }) => {
    const lines = linesOf(value);
    if (!lines.some((line) => line.length < SHORTEST && /[\p{L}\p{N}]/u.test(line))) return [];
    const short = lines.length === 1 ? "is" : "has a line that is";
    return [
      `${key}: ${name} ${short} shorter than ${SHORTEST} characters, which is not masked in the output`,
    ];
  });
}

/** Reports names in `mask` that no variable has. */
export function checkMask(
  { mask, env }: Variables,
  index: number,
  file: YamlFile,
  environment: NodeJS.ProcessEnv,
): ConfigProblem[] {
  return mask.flatMap((name, place) =>
    env[name] !== undefined || environment[name] !== undefined
      ? []
      : file.problem(["targets", index, "mask", place], {
          expected: `the variable ${name} to be set, in \`env\` or in the instance's environment`,
          got: "nothing",
          remedy: `set ${name}, or remove it here`,
        }),
  );
}

/** The variables with secret values. `key` is the place in the target that makes each one secret. */
function secretVariables({ env, pass_env, mask }: Variables, environment: NodeJS.ProcessEnv) {
  const named = Object.keys(env)
    .filter((name) => SECRET_NAME.test(name))
    .map((name) => ({ key: `env.${name}`, name, value: env[name] }));
  const listed = { pass_env, mask };
  const others = Object.entries(listed).flatMap(([list, names]) =>
    names.flatMap((name, place) =>
      // Both values may be printed, although the command's own variable is the one of `env`.
      [env[name], environment[name]].map((value) => ({ key: `${list}[${place}]`, name, value })),
    ),
  );
  return [...named, ...others].flatMap(({ value, ...rest }) => (value ? { ...rest, value } : []));
}

function linesOf(value: string): string[] {
  return value.split(/[\r\n]+/).flatMap((line) => line.trim() || []);
}

/** The password in a URL. In a web address, a user name alone is a token. */
function credentialOf(text: string): string[] {
  if (!text.includes("@") || !URL.canParse(text)) return [];
  const { protocol, username, password } = new URL(text);
  const secret = password || (/^https?:$/.test(protocol) ? username : "");
  try {
    return [secret, decodeURIComponent(secret)];
  } catch {
    return [secret];
  }
}
