import { z } from "zod";
import { DURATION_SYNTAX, parseDuration } from "../../shared/duration.ts";
import { ALERT_KINDS, DEFAULT_KINDS } from "./alert-kinds.ts";
import { siteUrlFault } from "./checks/site-url.ts";
import { gitHubAddresses } from "./github-host.ts";
import { parseListen } from "./listen-address.ts";
import { branchRef, canMatchRun, isRefPattern } from "./refs.ts";
import { isStoreAddress, STORE_SYNTAX } from "./store-address.ts";

/** The longest delay of Node's timers is 2^31 - 1 ms. Longer ones would fire at once. */
const LONGEST_DURATION = "24d";

/** The issuer of the tokens of jobs at github.com. */
export const GITHUB_OIDC_ISSUER = gitHubAddresses(null).issuer;

/** A duration with its unit, read into milliseconds. */
const durationFrom = (shortest: string, longest: string) =>
  z
    .unknown()
    .meta({ duration: true })
    .transform((value, context) => {
      const wrong = (expected: string, remedy?: string) => {
        context.addIssue({ code: "custom", message: expected, input: value, params: { remedy } });
        return z.NEVER;
      };
      try {
        const ms = parseDuration(value);
        if (ms >= parseDuration(shortest) && ms <= parseDuration(longest)) return ms;
        return wrong(`a duration from ${shortest} to ${longest}`);
      } catch {
        if (typeof value !== "number") return wrong(DURATION_SYNTAX);
        return wrong(
          DURATION_SYNTAX,
          `a bare number has no unit: write "${value}s" for seconds, or "${value}ms"`,
        );
      }
    });
const duration = durationFrom("1ms", LONGEST_DURATION);

/** A duration with the default `value`, in the file's syntax. */
const durationOf = (value: string) => duration.default(parseDuration(value));
/** The same with a lower limit, below which nothing would work any more. */
const durationAbove = (shortest: string, value: string) =>
  durationFrom(shortest, LONGEST_DURATION).default(parseDuration(value));
const PERCENT = "a number from 0 to 100";
const percent = z.number({ error: PERCENT }).min(0, { error: PERCENT }).max(100, { error: PERCENT });
const COUNT = "a whole number from 1 on";
const count = z.int({ error: COUNT }).min(1, { error: COUNT });
const text = z.string().min(1);
/** Text that matches `pattern`; `expected` describes it in words. */
const textLike = (pattern: RegExp, expected: string) =>
  z.string({ error: expected }).regex(pattern, { error: expected, abort: true });
const name = textLike(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
  "1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit",
);
const webUrl = z.url({
  protocol: /^https?$/,
  error: 'an http:// or https:// URL, such as "https://deploy.example.com:9000"',
  abort: true,
});
/** A URL to which paths are appended. */
const baseUrl = webUrl
  .refine(isBare, { error: "a URL without user name, query and fragment" })
  .transform((url) => url.replace(/\/+$/, ""));
const listenAddress = textLike(
  /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}$/,
  'HOST:PORT, such as "127.0.0.1:9100"',
).refine((listen) => parseListen(listen).port >= 1 && parseListen(listen).port <= 65_535, {
  error: "a port from 1 to 65535",
});
const variableName = textLike(
  /^(?!whsec_)[A-Za-z_][A-Za-z0-9_]*$/,
  "the name of an environment variable (letters, digits and underscores; not the secret itself)",
);
const repository = textLike(/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/, 'OWNER/NAME, such as "acme/site"');
const workflowPath = textLike(
  /^\.github\/workflows\/[^/]+\.ya?ml$/,
  "the path of a workflow file, such as .github/workflows/ci.yml (not the name of the workflow)",
);
/** Git allows none of these characters in a branch's name, so they can only be meant as a pattern. */
const branchName = textLike(
  /^(?!refs\/)[^\s*?[\\^~:]+$/,
  "the exact name of a branch (no pattern, no refs/heads/)",
);
const REF_PATTERN =
  "a full ref, such as refs/heads/main, or a pattern: refs/tags/v* (* within a segment, ** across)";
const refPattern = z.string({ error: REF_PATTERN }).refine(isRefPattern, { error: REF_PATTERN, abort: true });
/** A run has the ref of a branch or a tag. */
const runRef = refPattern.refine(canMatchRun, {
  error: "a ref or pattern that can match a branch (refs/heads/…) or a tag (refs/tags/…)",
});

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

const siteUrl = z.string().superRefine((value, context) => {
  const fault = siteUrlFault(value);
  if (fault)
    context.addIssue({
      code: "custom",
      message: fault.expected,
      input: value,
      params: { remedy: fault.remedy },
    });
});
const STATUS = "an HTTP status from 200 to 599";
const verify = z.strictObject({
  url: siteUrl,
  status: z.int({ error: STATUS }).min(200, { error: STATUS }).max(599, { error: STATUS }).default(200),
  body: text.nullable().default(null),
  within: durationOf("60s"),
  interval: durationAbove("100ms", "2s"),
});

const HOSTS = "any, all, a list of hosts, or { all: true, missing: skip }";
const hosts = z.union(
  [
    z.enum(["any", "all"]),
    z.array(text).min(1),
    z.strictObject({ all: z.literal(true), missing: z.literal("skip") }),
  ],
  { error: HOSTS },
);

const target = z
  .strictObject({
    name: name.optional(),
    repository,
    environment: text.max(255),
    environment_url: webUrl.nullable().default(null),
    workflow: workflowPath,
    refs: z.array(runRef).min(1).optional(),
    branches: z.array(branchName).min(1).optional(),
    events: z.array(text).min(1).default(["push", "workflow_dispatch"]),
    routes: z
      .array(z.enum(["event", "action"]))
      .min(1)
      .default(["event", "action"]),
    approval: z.enum(["auto", "required", "none"]).default("auto"),
    run: z
      .array(z.string())
      .min(1)
      // The program `env`, which starts the command, would read it as a variable.
      .refine(([command]) => !command?.includes("="), { error: "a command whose name has no `=` in it" }),
    directory: text,
    env: z.record(variableName, z.string()).default({}),
    pass_env: z.array(variableName).default([]),
    mask: z.array(variableName).default([]),
    timeout: durationOf("15m"),
    hosts: hosts.default("any"),
    verify: verify.nullable().default(null),
    queue: z.enum(["latest", "all"]).default("latest"),
    on_interrupt: z.enum(["retry", "fail"]).default("retry"),
    lock: name.nullable().default(null),
    share_log: z.boolean().default(false),
    action: z
      .strictObject({
        secret_env: variableName.optional(),
        workflows: z.array(workflowPath).min(1).optional(),
        refs: z.array(refPattern).min(1).optional(),
        any_sha: z.boolean().default(false),
      })
      .prefault({}),
  })
  .superRefine(({ refs, branches }, context) => {
    if (refs === undefined || branches === undefined) return;
    context.addIssue({
      code: "custom",
      path: ["branches"],
      message: "either refs or branches, which is its short form",
      input: branches,
      params: { remedy: "remove branches, and add each of them to refs as refs/heads/NAME" },
    });
  })
  .superRefine(({ approval, routes }, context) => {
    if (approval !== "required" || routes.includes("action")) return;
    context.addIssue({
      code: "custom",
      path: ["approval"],
      message: "routes with action in it, since only the job of an Action can prove an approval",
      input: `required, with routes: [${routes.join(", ")}]`,
      params: { remedy: "add action to routes, or set approval: none" },
    });
  })
  .transform(({ branches = ["main"], ...value }) => {
    const refs = value.refs ?? branches.map(branchRef);
    return {
      ...value,
      name: value.name ?? value.environment,
      refs,
      action: {
        ...value.action,
        workflows: value.action.workflows ?? [value.workflow],
        refs: value.action.refs ?? refs,
      },
    };
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

function isBare(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { username, password, search, hash } = new URL(url);
  return [username, password, search, hash].every((part) => part === "");
}
