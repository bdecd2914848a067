import { WAIT_FOR, type WaitFor } from "../../shared/deployment.ts";
import type { Credential } from "./credential.ts";
import { credentialInput } from "./credential-input.ts";
import { type Endpoint, parseEndpoints } from "./endpoints.ts";
import { InputError } from "./input-error.ts";
import { InputReader } from "./input-reader.ts";

/** The result of the step when a newer run has superseded this deployment. */
export const ON_SUPERSEDED = ["pass", "fail"] as const;
/** When GitHub's Deployments API is used: after every endpoint failed, or never. */
export const GITHUB_ROUTE = ["auto", "never"] as const;
export type OnSuperseded = (typeof ON_SUPERSEDED)[number];

/** The defaults of inputs; `action.yml` declares the same (a test compares them). */
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
  /** The credential for endpoints. */
  credential: Credential;
  waitFor: WaitFor;
  onSuperseded: OnSuperseded;
  /** The time limit of the whole step. */
  timeoutMs: number;
  /** The limit of one request; a poll adds its `wait`. */
  requestTimeoutMs: number;
  /** Rounds over all endpoints. */
  maxAttempts: number;
  baseDelayMs: number;
  maxDelayMs: number;
  /** The token for GitHub's API, or undefined when GitHub must not be used. */
  githubToken: string | undefined;
  /** Why GitHub is not used, for people; null when it is. */
  withoutGitHub: string | null;
  /** JSON text, unchanged. */
  payload: string | undefined;
  sha: string | undefined;
  ref: string | undefined;
  dryRun: boolean;
}

/** Limits of the durations (ms): shorter ones would make a busy loop, longer ones outlive every job. */
const LIMITS = {
  timeout: { min: 1_000, max: 5 * 86_400_000 },
  request: { min: 100, max: 300_000 },
  delay: { min: 10, max: 3_600_000 },
} as const;

/**
 * Reads and checks every input.
 * @param read returns the text of an input, empty when it is not set.
 * @param env the runner's variables: they tell whether the job can get OIDC tokens.
 * @throws {InputError} with every wrong input, the expected value and the value found.
 */
export function parseInputs(
  read: (name: string) => string,
  env: Readonly<Record<string, string | undefined>>,
): Inputs {
  const from = new InputReader(read, INPUT_DEFAULTS);
  const { endpoints, problems } = parseEndpoints(read("endpoints"));
  for (const problem of problems) from.fail("endpoints", problem);
  const environment = from.text("environment");
  if (environment === "") from.fail("environment", "expected the name of an environment, got nothing");

  const inputs: Inputs = {
    endpoints,
    environment,
    target: from.optional("target"),
    credential: credentialInput(from, endpoints, env),
    waitFor: from.oneOf("wait-for", WAIT_FOR),
    onSuperseded: from.oneOf("on-superseded", ON_SUPERSEDED),
    timeoutMs: from.duration("timeout", LIMITS.timeout),
    requestTimeoutMs: from.duration("request-timeout", LIMITS.request),
    maxAttempts: from.wholeNumber("max-attempts", 1, 100),
    baseDelayMs: from.duration("base-delay", LIMITS.delay),
    maxDelayMs: from.duration("max-delay", LIMITS.delay),
    ...githubInput(from),
    payload: from.json("payload"),
    sha: from.matching("sha", /^[0-9a-f]{40}$/i, "40 hexadecimal digits")?.toLowerCase(),
    ref: from.matching("ref", /^refs\/[^\s]+$/, "a full ref, such as refs/heads/main"),
    dryRun: from.oneOf("dry-run", ["false", "true"]) === "true",
  };
  if (inputs.maxDelayMs < inputs.baseDelayMs)
    from.fail(
      "max-delay",
      `expected at least base-delay (${from.text("base-delay")}), got ${from.text("max-delay")}`,
    );
  if (from.problems.length > 0) throw new InputError(from.problems);
  return inputs;
}

function githubInput(from: InputReader): Pick<Inputs, "githubToken" | "withoutGitHub"> {
  const route = from.oneOf("github-route", GITHUB_ROUTE);
  const token = from.optional("github-token");
  if (route === "never") return { githubToken: undefined, withoutGitHub: "`github-route` is `never`" };
  return {
    githubToken: token,
    withoutGitHub: token === undefined ? "the input `github-token` is empty" : null,
  };
}
