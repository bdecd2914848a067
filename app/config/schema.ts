import { z } from "zod";
import { parseDuration } from "../../shared/duration.ts";
import { ALERT_KINDS, DEFAULT_KINDS } from "./alert-kinds.ts";
import { gitHubAddresses } from "./github-host.ts";
import { isStoreAddress, STORE_SYNTAX } from "./store-address.ts";
import { target } from "./target-schema.ts";
import {
  baseUrl,
  count,
  durationAbove,
  durationFrom,
  durationOf,
  listenAddress,
  name,
  percent,
  repository,
  text,
  textLike,
  variableName,
} from "./value-types.ts";

/** The issuer of the tokens of jobs at github.com. */
export const GITHUB_OIDC_ISSUER = gitHubAddresses(null).issuer;

const instance = z.strictObject({
  name,
  url: baseUrl,
  listen: listenAddress,
  host: text.optional(),
  peer: listenAddress.optional(),
  tls: z.strictObject({ cert: text, key: text }).optional(),
});

const failover = z.strictObject({
  health_check_interval: durationAbove("50ms", "500ms"),
  health_check_timeout: durationFrom("1ms", "30s").default(parseDuration("500ms")),
  failover_threshold: count.default(3),
  recovery_threshold: count.default(5),
  max_response_time: durationOf("5s"),
  recovery_response_time: durationOf("2s"),
  min_success_rate: percent.default(95),
  recovery_success_rate: percent.default(98),
  // Every sample of the window is read several times a second.
  window: durationFrom("10s", "10m").default(parseDuration("60s")),
  lease_ttl: durationAbove("500ms", "2s"),
  order_wait: durationOf("60s"),
});

const retry = z.strictObject({
  max_attempts: count.default(5),
  base_delay: durationOf("1s"),
  max_delay: durationOf("32s"),
  multiplier: z.number().min(1).default(2),
  jitter: z.boolean().default(true),
});

const circuitBreaker = z.strictObject({
  failure_threshold: count.default(5),
  timeout: durationOf("60s"),
  reset_timeout: durationOf("5m"),
});

/** A time to keep records. No timer uses it, so it may be longer than other durations. */
const keptFor = (value: string, atLeast: string) =>
  durationFrom(atLeast, "3650d").default(parseDuration(value));

const retention = z.strictObject({
  // GitHub redelivers for up to a week (Enterprise Server), and re-runs a run for up to 30 days.
  deliveries: keptFor("30d", "8d"),
  logs: keptFor("90d", "1h"),
  deployments: keptFor("365d", "35d"),
});

const mailAddress = textLike(/^[^\s@<>,]+@[^\s@<>,]+$/, "a mail address, such as ops@example.com");

const ALERT_TYPES = [
  "slack",
  "discord",
  "telegram",
  "ntfy",
  "teams",
  "apprise",
  "webhook",
  "email",
  "github_issue",
] as const;
/** YAML reads a bare id as a number. */
const chatId = z.preprocess(
  (value) => (typeof value === "number" ? String(value) : value),
  textLike(
    /^(-?\d+|@[A-Za-z]\w{3,})$/,
    'the id of a chat, such as "-1001234567890", or a channel, such as "@acme_ops"',
  ),
);

const alert = z.strictObject({
  type: z.enum(ALERT_TYPES),
  url_env: variableName.optional(),
  secret_env: variableName.optional(),
  from: mailAddress.optional(),
  to: z.array(mailAddress).min(1).optional(),
  repository: repository.optional(),
  chat_id: chatId.optional(),
  kinds: z
    .array(z.enum(ALERT_KINDS))
    .min(1)
    .default([...DEFAULT_KINDS]),
});

/** The file `twinhook.yml`. Durations are milliseconds once parsed. */
export const configSchema = z.strictObject({
  instances: z.array(instance).min(1),
  public_url: baseUrl.nullable().default(null),
  door: z.strictObject({ listen: listenAddress, url: baseUrl }).nullable().default(null),
  store: z
    .string({ error: STORE_SYNTAX })
    .refine(isStoreAddress, { error: STORE_SYNTAX })
    .default("sqlite:./data/twinhook.db"),
  webhook: z.strictObject({ mode: z.enum(["switch", "broadcast"]).default("switch") }).prefault({}),
  failover: failover.prefault({}),
  retry: retry.prefault({}),
  circuit_breaker: circuitBreaker.prefault({}),
  oidc: z
    .strictObject({
      issuer: baseUrl.default(GITHUB_OIDC_ISSUER),
      audience: text.default("twinhook"),
    })
    .prefault({}),
  retention: retention.prefault({}),
  admins: z.array(text).default([]),
  targets: z.array(target).default([]),
  alerts: z.array(alert).default([]),
  dead_mans_switch: z
    .strictObject({ url_env: variableName, interval: durationOf("1m") })
    .nullable()
    .default(null),
});

export type FileConfig = z.output<typeof configSchema>;
export type InstanceConfig = FileConfig["instances"][number];
export type TargetConfig = FileConfig["targets"][number];
export type AlertConfig = FileConfig["alerts"][number];
export type RetryConfig = FileConfig["retry"];
export type RetentionConfig = FileConfig["retention"];
export type CircuitBreakerConfig = FileConfig["circuit_breaker"];
