import { assertDeliverySecret } from "../shared/delivery-signature.ts";
import { WAIT_FOR, type WaitFor } from "../shared/deployment.ts";
import { parseDuration } from "../shared/duration.ts";
import { formatDuration } from "../shared/format-duration.ts";
import type { Credential } from "./credential.ts";
import { type Endpoint, isPlainAndRemote, parseEndpoints } from "./endpoints.ts";

/** What may happen when a newer run took this deployment's place. */
export const ON_SUPERSEDED = ["pass", "fail"] as const;
/** When GitHub's own Deployments API is used: after every endpoint failed, or never. */
export const GITHUB_ROUTE = ["auto", "never"] as const;
export type OnSuperseded = (typeof ON_SUPERSEDED)[number];

/** The defaults of all inputs that have one; `action.yml` declares the same (a test compares them). */
export const INPUT_DEFAULTS = {
  audience: "twinhook",
  "wait-for": "started",
  "on-superseded": "pass",
  timeout: "20m",
  "request-timeout": "2s",
  "max-attempts": "5",
  "base-delay": "1s",
  "max-delay": "32s",
  "github-route": "auto",
  "dry-run": "false",
} as const;

/** The inputs, read and checked. Optional ones are undefined when the workflow leaves them out. */
export interface Inputs {
  endpoints: Endpoint[];
  environment: string;
  target: string | undefined;
  /** What proves to the endpoints who asks. */
  credential: Credential;
  waitFor: WaitFor;
  onSuperseded: OnSuperseded;
  /** The time limit of the whole step. */
  timeoutMs: number;
  /** The limit of one request; a poll's is its `wait` more. */
  requestTimeoutMs: number;
  /** Rounds over all endpoints. */
  maxAttempts: number;
  baseDelayMs: number;
  maxDelayMs: number;
  /** The token for GitHub's API, or undefined when that route is not to be used. */
  githubToken: string | undefined;
  /** Why that route is not used, for people; null when it is. */
  withoutGitHub: string | null;
  payload: unknown;
  sha: string | undefined;
  ref: string | undefined;
  dryRun: boolean;
}

/** Raised with everything that is wrong, so that one failed run is enough to correct it all. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

const CREDENTIAL_REMEDY = `expected one way to prove who asks, got none.

By OIDC, without a secret: give the job the permission to ask for tokens. (The target's \`action.workflows\` and \`action.refs\` in twinhook.yml say who may ask.)

    jobs:
      deploy:
        permissions:
          id-token: write
          contents: read

By a secret: store the value that the instances hold in the variable that the target's \`action.secret_env\` names as a secret of the repository, and add it to the step.

    steps:
      - uses: OWNER/twinhook@v1
        with:
          secret: \${{ secrets.TWINHOOK_SECRET }}

Runs for pull requests from forks and for Dependabot get neither.`;

/** Limits of the durations: shorter ones would be a busy loop, longer ones outlive every job. */
const LIMITS = {
  timeout: { min: 1_000, max: 5 * 86_400_000 },
  "request-timeout": { min: 100, max: 300_000 },
  "base-delay": { min: 10, max: 3_600_000 },
  "max-delay": { min: 10, max: 3_600_000 },
} as const;

/**
 * Reads and checks every input.
 * @param read gives the text of an input, empty when it is not set.
 * @param env the runner's variables: whether it offers OIDC tokens.
 * @throws {InputError} naming every wrong input, with what was expected and what was found.
 */
export function parseInputs(
  read: (name: string) => string,
  env: Readonly<Record<string, string | undefined>>,
): Inputs {
  const problems: string[] = [];
  const text = (name: string): string =>
    read(name).trim() || ((INPUT_DEFAULTS as Record<string, string>)[name] ?? "");
  const optional = (name: string): string | undefined => text(name) || undefined;
  const fail = (name: string, problem: string): void => void problems.push(`${name}: ${problem}`);

  const { endpoints, problems: wrong } = parseEndpoints(read("endpoints"));
  for (const problem of wrong) fail("endpoints", problem);

  const environment = text("environment");
  if (environment === "") fail("environment", "expected the name of an environment, got nothing");

  const secret = text("secret");
  if (secret !== "") attempt("secret", () => assertDeliverySecret(secret));
  else if (!env.ACTIONS_ID_TOKEN_REQUEST_URL || !env.ACTIONS_ID_TOKEN_REQUEST_TOKEN)
    fail("secret", CREDENTIAL_REMEDY);
  else
    for (const { name } of endpoints.filter(isPlainAndRemote))
      fail(
        "endpoints",
        `expected https:// for the ${name}, got http://: an OIDC token is never sent unencrypted. Use https://, or the input \`secret\``,
      );

  const audience = text("audience");

  const durations = {
    timeout: duration("timeout"),
    request: duration("request-timeout"),
    base: duration("base-delay"),
    max: duration("max-delay"),
  };
  if (durations.max < durations.base)
    fail("max-delay", `expected at least base-delay (${text("base-delay")}), got ${text("max-delay")}`);

  const sha = optional("sha");
  if (sha !== undefined && !/^[0-9a-f]{40}$/i.test(sha))
    fail("sha", `expected 40 hexadecimal digits, got ${quote(sha)}`);
  const ref = optional("ref");
  if (ref !== undefined && !/^refs\/[^\s]+$/.test(ref))
    fail("ref", `expected a full ref, such as refs/heads/main, got ${quote(ref)}`);

  const githubRoute = oneOf("github-route", GITHUB_ROUTE);
  const githubToken = text("github-token");

  const inputs: Inputs = {
    endpoints,
    environment,
    target: optional("target"),
    credential: secret === "" ? { kind: "oidc", audience } : { kind: "secret", secret },
    waitFor: oneOf("wait-for", WAIT_FOR),
    onSuperseded: oneOf("on-superseded", ON_SUPERSEDED),
    timeoutMs: durations.timeout,
    requestTimeoutMs: durations.request,
    maxAttempts: wholeNumber("max-attempts", 1, 100),
    baseDelayMs: durations.base,
    maxDelayMs: durations.max,
    githubToken: githubRoute === "never" || githubToken === "" ? undefined : githubToken,
    withoutGitHub:
      githubRoute === "never"
        ? "`github-route` is `never`"
        : githubToken === ""
          ? "the input `github-token` is empty"
          : null,
    payload: json("payload"),
    sha: sha?.toLowerCase(),
    ref,
    dryRun: oneOf("dry-run", ["false", "true"] as const) === "true",
  };
  if (problems.length > 0) throw new InputError(problems);
  return inputs;

  function attempt<T>(name: string, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      fail(name, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  function duration(name: keyof typeof LIMITS): number {
    const { min, max } = LIMITS[name];
    const ms = attempt(name, () => parseDuration(text(name)));
    if (ms !== undefined && (ms < min || ms > max))
      fail(name, `expected ${formatDuration(min)} to ${formatDuration(max)}, got ${quote(text(name))}`);
    return ms ?? Number.NaN;
  }

  function wholeNumber(name: string, min: number, max: number): number {
    const value = /^\d+$/.test(text(name)) ? Number(text(name)) : Number.NaN;
    if (!(value >= min && value <= max))
      fail(name, `expected a whole number from ${min} to ${max}, got ${quote(text(name))}`);
    return value;
  }

  function oneOf<T extends string>(name: string, allowed: readonly [T, ...T[]]): T {
    const value = text(name);
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) fail(name, `expected ${allowed.join(" or ")}, got ${quote(value)}`);
    return found ?? allowed[0];
  }

  function json(name: string): unknown {
    const written = optional(name);
    if (written === undefined) return undefined;
    try {
      return JSON.parse(written);
    } catch {
      // The parser's own message repeats the payload.
      return fail(name, `expected JSON, got ${written.length} characters that are not`);
    }
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
