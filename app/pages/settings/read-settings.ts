import { isDeepStrictEqual } from "node:util";
import type { Probot } from "probot";
import { readProtection } from "../../accept/approval.ts";
import type { AdminTokens, NamedToken } from "../../auth/admin-tokens.ts";
import { type VariableState, variablesOf } from "../../config/environment/environment-variables.ts";
import { type Config, loadConfig } from "../../config/load.ts";
import { ConfigError, formatProblem } from "../../config/problem.ts";
import { type Setting, settingsOf } from "../../config/settings-of.ts";
import { webhookUrl } from "../../config/webhook-url.ts";
import type { Failover } from "../../failover/failover.ts";
import type { HealthStatus } from "../../failover/health-window.ts";
import { readSwitchboard } from "../../failover/switchboard.ts";
import { type AppFacts, readAppFacts } from "../../github/app-facts.ts";
import type { WebhookConfig, WebhookConfigClient } from "../../github/webhook-config.ts";
import type { Audit, AuditEntry } from "../../http/audit.ts";
import { type SecretState, secretState } from "../../http/webhook-secret.ts";
import type { Protection } from "../../queue/gate/approval.ts";
import type { Store } from "../../store/store.ts";

const AUDIT_SHOWN = 50;

export interface SettingsOptions {
  config: Config;
  /** This instance. */
  instance: string;
  env: NodeJS.ProcessEnv;
  store: Store;
  failover: Failover;
  audit: Audit;
  tokens: AdminTokens;
  app: Promise<Probot>;
  webhook: WebhookConfigClient;
  now: () => number;
}

/** GitHub's answer, or why GitHub cannot be asked. */
export type FromGitHub<T> = { facts: T } | { problem: string };

/** The facts of the settings page. */
export interface Settings {
  now: number;
  instance: string;
  endpoints: { name: string; url: string; status: HealthStatus; reason: string }[];
  active: string | null;
  pinned: string | null;
  pinnedReason: string | null;
  /** The URL that the webhook should have. */
  wantedUrl: string | null;
  webhook: FromGitHub<WebhookConfig>;
  app: FromGitHub<AppFacts>;
  secret: SecretState;
  settings: Setting[];
  /** Why the file cannot be used any more, or that it has changed; null when neither. */
  fileChanged: string | null;
  variables: VariableState[];
  /** What GitHub protects, for each target in the order of twinhook.yml; null where it never told. */
  protections: (Protection | null)[];
  audit: AuditEntry[];
  tokens: NamedToken[];
}

export async function readSettings(o: SettingsOptions): Promise<Settings> {
  const { config, instance, env, store, failover, audit } = o;
  const [board, webhook, app, entries, protections, tokens] = await Promise.all([
    readSwitchboard(store),
    fromGitHub(o.webhook.read()),
    fromGitHub(o.app.then((probot) => readAppFacts(probot, config.environment.githubUrl))),
    audit.newest(AUDIT_SHOWN),
    Promise.all(config.targets.map((target) => readProtection(store.read, target))),
    o.tokens.list(),
  ]);
  const named = [
    ...config.targets.flatMap((target) => [
      target.action.secret_env,
      ...target.pass_env,
      ...target.mask.filter((name) => !(name in target.env)),
    ]),
    ...config.alerts.flatMap((alert) =>
      Object.entries(alert).flatMap(([key, value]) => (key.endsWith("_env") ? [String(value)] : [])),
    ),
  ].filter((name) => name !== undefined);
  return {
    now: o.now(),
    instance,
    endpoints: failover.checker.observe().map(({ name, health }) => ({
      name,
      url: config.instances.find((one) => one.name === name)?.url ?? "",
      status: health.status,
      reason: health.reason,
    })),
    active: board?.active ?? null,
    pinned: board?.pinned ?? null,
    pinnedReason: board?.pinned_reason ?? null,
    wantedUrl: (board && webhookUrl(config, board.active)) ?? null,
    webhook,
    app,
    secret: secretState(config.environment),
    settings: settingsOf(config),
    fileChanged: changeOf(config, env),
    variables: variablesOf(env, named),
    protections,
    audit: entries,
    tokens,
  };
}

/** Compares the configuration in effect with the file as it is now. */
function changeOf(config: Config, env: NodeJS.ProcessEnv): string | null {
  try {
    const now = loadConfig(env);
    const same = isDeepStrictEqual(now.written.content, config.written.content);
    return same ? null : "it has changed since: twinhook reload makes the instances use what it says now";
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [first] = error.problems;
    const more = error.problems.length > 1 ? ` (and ${error.problems.length - 1} more)` : "";
    return `it could not be used as it is now${more}: ${first && formatProblem(first)}`;
  }
}

/** Waits for GitHub's answer, or turns the error into a text for the page. */
async function fromGitHub<T>(asked: Promise<T>): Promise<FromGitHub<T>> {
  try {
    return { facts: await asked };
  } catch (error) {
    const { status, message } = error as { status?: number; message: string };
    if (status === 401)
      return { problem: "GitHub does not accept APP_ID and PRIVATE_KEY: they must be of the same App" };
    return { problem: `GitHub cannot be asked: ${message.split("\n")[0]}` };
  }
}
