import { z } from "zod";
import { DURATION_SYNTAX, parseDuration } from "../../shared/duration.ts";

/** A duration with its unit, read into milliseconds. */
const duration = z.unknown().transform((value, context) => {
  try {
    return parseDuration(value);
  } catch {
    const number = typeof value === "number";
    context.addIssue({
      code: "custom",
      message: DURATION_SYNTAX,
      input: value,
      params: {
        expected: DURATION_SYNTAX,
        remedy: number
          ? `a bare number has no unit: write "${value}s" for seconds or "${value}ms"`
          : undefined,
      },
    });
    return z.NEVER;
  }
});

/** A field of this shape whose absence means `value`, given as it would be written in the file. */
const durationOf = (value: string) => duration.default(parseDuration(value));
const percent = z.number().min(0).max(100);
const count = z.int().min(1);
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
  message: "1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit",
});
const baseUrl = z
  .url({
    protocol: /^https?$/,
    message: 'an http:// or https:// URL, such as "https://deploy.example.com:9000"',
  })
  .transform((url) => url.replace(/\/+$/, ""));
const listenAddress = z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}$/, {
  message: 'HOST:PORT, such as "127.0.0.1:9100"',
});
const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { message: "the name of a variable" });

const instance = z.strictObject({
  name,
  url: baseUrl,
  listen: listenAddress,
  host: z.string().optional(),
  peer: listenAddress.optional(),
  tls: z.strictObject({ cert: z.string(), key: z.string() }).optional(),
});

const failover = z.strictObject({
  health_check_interval: durationOf("500ms"),
  health_check_timeout: durationOf("500ms"),
  failover_threshold: count.default(3),
  recovery_threshold: count.default(5),
  max_response_time: durationOf("5s"),
  recovery_response_time: durationOf("2s"),
  min_success_rate: percent.default(95),
  recovery_success_rate: percent.default(98),
  window: durationOf("60s"),
  lease_ttl: durationOf("2s"),
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

const target = z
  .strictObject({
    name: name.optional(),
    repository: z
      .string()
      .regex(/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/, { message: 'OWNER/NAME, such as "acme/site"' }),
    environment: z.string().min(1).max(255),
    environment_url: z
      .url({ protocol: /^https?$/ })
      .nullable()
      .default(null),
    workflow: z.string().regex(/^\.github\/workflows\/[^/]+\.ya?ml$/, {
      message: "the path of a workflow file, such as .github/workflows/ci.yml (a name is anyone's to choose)",
    }),
    branches: z.array(z.string().min(1)).min(1).default(["main"]),
    events: z.array(z.string().min(1)).min(1).default(["push", "workflow_dispatch"]),
    run: z.array(z.string()).min(1),
    directory: z.string().min(1),
    env: z.record(variableName, z.string()).default({}),
    pass_env: z.array(variableName).default([]),
    timeout: durationOf("15m"),
    queue: z.enum(["latest", "all"]).default("latest"),
    on_interrupt: z.enum(["retry", "fail"]).default("retry"),
    lock: name.nullable().default(null),
    share_log: z.boolean().default(false),
    action: z
      .strictObject({
        secret_env: variableName.optional(),
        workflows: z.array(z.string()).min(1).optional(),
        refs: z.array(z.string().startsWith("refs/")).min(1).optional(),
        any_sha: z.boolean().default(false),
      })
      .prefault({}),
  })
  .transform((value) => ({
    ...value,
    name: value.name ?? value.environment,
    action: {
      ...value.action,
      workflows: value.action.workflows ?? [value.workflow],
      refs: value.action.refs ?? value.branches.map((branch) => `refs/heads/${branch}`),
    },
  }));

const alert = z.strictObject({
  type: z.enum(["slack", "discord", "webhook", "email", "github_issue"]),
  url_env: variableName.optional(),
});

/** The file `twinhook.yml`. Durations are milliseconds once parsed. */
export const configSchema = z.strictObject({
  instances: z.array(instance).min(1),
  public_url: baseUrl.nullable().default(null),
  door: z.strictObject({ listen: listenAddress, url: baseUrl }).nullable().default(null),
  store: z
    .string()
    .regex(/^(sqlite:.+|postgres(ql)?:\/\/.+)$/, { message: "sqlite:PATH or postgres://USER@HOST/DATABASE" })
    .default("sqlite:./data/twinhook.db"),
  webhook: z.strictObject({ mode: z.enum(["switch", "broadcast"]).default("switch") }).prefault({}),
  failover: failover.prefault({}),
  retry: retry.prefault({}),
  circuit_breaker: circuitBreaker.prefault({}),
  oidc: z
    .strictObject({
      issuer: baseUrl.default("https://token.actions.githubusercontent.com"),
      audience: z.string().min(1).default("twinhook"),
    })
    .prefault({}),
  admins: z.array(z.string()).default([]),
  targets: z.array(target).default([]),
  alerts: z.array(alert).default([]),
});

export type FileConfig = z.output<typeof configSchema>;
export type InstanceConfig = FileConfig["instances"][number];
export type TargetConfig = FileConfig["targets"][number];
export type RetryConfig = FileConfig["retry"];
export type CircuitBreakerConfig = FileConfig["circuit_breaker"];
