import type { ConfigProblem } from "../problem.ts";
import type { AlertConfig, FileConfig } from "../schema.ts";
import type { YamlFile } from "../yaml-file.ts";
import { wrongSecret } from "./wrong-secret.ts";

/** The keys that each type of channel needs. Besides these it takes only `type` and `kinds`. */
const NEEDS = {
  slack: ["url_env"],
  discord: ["url_env"],
  telegram: ["url_env", "chat_id"],
  ntfy: ["url_env"],
  teams: ["url_env"],
  apprise: ["url_env"],
  webhook: ["url_env", "secret_env"],
  email: ["url_env", "from", "to"],
  github_issue: ["repository"],
} as const satisfies Record<AlertConfig["type"], readonly (keyof AlertConfig)[]>;
const KEYS = ["url_env", "secret_env", "from", "to", "repository", "chat_id"] as const;

/** The form of a type's address, and an example. */
interface AddressForm {
  fits: (url: URL) => boolean;
  example: string;
  remedy?: string;
}
const WEB: AddressForm = { fits: ({ protocol }) => /^https?:$/.test(protocol), example: "https://…" };
const ADDRESSES: Partial<Record<AlertConfig["type"], AddressForm>> = {
  telegram: {
    fits: (url) => WEB.fits(url) && /^\/bot\d+:[\w-]+$/.test(url.pathname),
    example: "https://api.telegram.org/botTOKEN",
    remedy: "@BotFather gives out the token, such as 123456:ABC-DEF",
  },
  ntfy: {
    fits: (url) => WEB.fits(url) && /^\/[\w-]{1,64}$/.test(url.pathname),
    example: "https://ntfy.sh/TOPIC",
  },
  teams: {
    fits: (url) => WEB.fits(url) && !/(^|\.)(webhook|outlook)\.office(365)?\.com$/.test(url.hostname),
    example: "https://…, the address of a workflow",
    remedy: "Microsoft has retired the connectors; make a workflow in Teams that posts what a webhook sends",
  },
  apprise: {
    fits: (url) => WEB.fits(url) && /\/notify(\/[\w-]+)?\/?$/.test(url.pathname),
    example: "http://apprise:8000/notify/KEY",
  },
  email: { fits: ({ protocol }) => /^smtps?:$/.test(protocol), example: "smtps://USER:PASSWORD@HOST" },
};

/**
 * An id that distinguishes a channel from every other, and does not change when others are added or removed.
 * Holds no secret.
 */
export function channelId({ type, url_env, repository, to, chat_id }: AlertConfig): string {
  return [type, url_env ?? repository ?? "", ...(to ?? []), ...(chat_id ? [chat_id] : [])].join(" ");
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
    const url = alert.url_env && wrongUrl(alert.url_env, ADDRESSES[type] ?? WEB, env);
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
  const url = deadMansSwitch && wrongUrl(deadMansSwitch.url_env, WEB, env);
  if (url) problems.push(file.problem(["dead_mans_switch", "url_env"], url));
  return problems;
}

function wrongUrl(name: string, { fits, example, remedy }: AddressForm, env: NodeJS.ProcessEnv) {
  const value = env[name];
  if (!value)
    return {
      expected: `the variable ${name} to be set`,
      got: "nothing",
      remedy: `set ${name} to ${example}`,
    };
  if (URL.canParse(value) && fits(new URL(value))) return undefined;
  // The value is a secret, and must not be shown.
  return {
    expected: `in ${name} an address such as ${example}`,
    got: "something else",
    ...(remedy && { remedy }),
  };
}
