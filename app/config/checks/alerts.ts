import type { ConfigProblem } from "../problem.ts";
import type { AlertConfig, FileConfig } from "../schema.ts";
import type { YamlFile } from "../yaml-file.ts";
import { wrongSecret } from "./wrong-secret.ts";

/** The keys that each type of channel needs. Besides these it takes only `type` and `kinds`. */
const NEEDS = {
  slack: ["url_env"],
  discord: ["url_env"],
  webhook: ["url_env", "secret_env"],
  email: ["url_env", "from", "to"],
  github_issue: ["repository"],
} as const satisfies Record<AlertConfig["type"], readonly (keyof AlertConfig)[]>;
const KEYS = ["url_env", "secret_env", "from", "to", "repository"] as const;

/**
 * An id that distinguishes a channel from every other, and does not change when others are added or removed.
 * Holds no secret.
 */
export function channelId({ type, url_env, repository, to }: AlertConfig): string {
  return [type, url_env ?? repository ?? "", ...(to ?? [])].join(" ");
}

/** Returns the faults that would stop alerts from being sent. */
export function checkAlerts(
  {
    alerts,
    deadMansSwitch,
  }: {
    alerts: readonly (AlertConfig | undefined)[];
    deadMansSwitch: FileConfig["dead_mans_switch"] | undefined;
  },
  file: YamlFile,
  env: NodeJS.ProcessEnv,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [index, alert] of alerts.entries()) {
    if (!alert) continue;
    const { type } = alert;
    const add = (key: string, rest: Pick<ConfigProblem, "expected" | "got" | "remedy">) =>
      problems.push(file.problem(["alerts", index, key], rest));
    const needs: readonly string[] = NEEDS[type];
    for (const key of KEYS) {
      if (needs.includes(key) && alert[key] === undefined)
        add(key, { expected: `${key}, which ${type} needs`, got: "nothing" });
      if (!needs.includes(key) && alert[key] !== undefined)
        add(key, { expected: `only ${needs.join(", ")} and kinds with ${type}`, got: key });
    }
    const url = alert.url_env && wrongUrl(alert.url_env, type === "email" ? "smtps?" : "https?", env);
    if (url) add("url_env", url);
    const secret = alert.secret_env && wrongSecret(alert.secret_env, env);
    if (secret) add("secret_env", secret);
    const first = alerts.findIndex((other) => other && channelId(other) === channelId(alert));
    if (first < index)
      add("type", {
        expected: "every channel once",
        got: `the same as alerts[${first}]`,
        remedy: "list all its kinds in one place",
      });
  }
  const url = deadMansSwitch && wrongUrl(deadMansSwitch.url_env, "https?", env);
  if (url) problems.push(file.problem(["dead_mans_switch", "url_env"], url));
  return problems;
}

function wrongUrl(name: string, protocol: string, env: NodeJS.ProcessEnv) {
  const value = env[name];
  const example = protocol === "smtps?" ? "smtps://USER:PASSWORD@HOST" : "https://…";
  if (!value)
    return {
      expected: `the variable ${name} to be set`,
      got: "nothing",
      remedy: `set ${name} to ${example}`,
    };
  // The value is a secret, and must not be shown.
  if (!URL.canParse(value) || !new RegExp(`^${protocol}:$`).test(new URL(value).protocol))
    return { expected: `in ${name} an address such as ${example}`, got: "something else" };
  return undefined;
}
