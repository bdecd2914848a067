import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { describeValue } from "../describe-value.ts";
import { gitHubAddresses, wrongGitHubHost } from "../github-host.ts";
import type { ConfigProblem } from "../problem.ts";
import { isStoreAddress, STORE_SYNTAX } from "../store-address.ts";

/** The levels of the log, the most detailed first. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** In characters; a shorter secret can be guessed. */
const MIN_SECRET_LENGTH = 16;

/** Variables that no deployment's command may get. */
export const APP_SECRETS = [
  "PRIVATE_KEY",
  "PRIVATE_KEY_PATH",
  "WEBHOOK_SECRET",
  "WEBHOOK_SECRET_PREVIOUS",
  "GITHUB_CLIENT_SECRET",
  "TWINHOOK_ADMIN_TOKEN",
  "TWINHOOK_METRICS_TOKEN",
  "DATABASE_URL",
];

/** The settings that only the environment holds, since they are secret or differ between instances. */
export interface Environment {
  appId: string | null;
  privateKey: string | null;
  webhookSecret: string | null;
  webhookSecretPrevious: string | null;
  /** The App's client, for signing in with GitHub. */
  clientId: string | null;
  clientSecret: string | null;
  /** `https://api.github.com`, or the API of the GitHub that GHE_HOST names. */
  githubApiUrl: string;
  /** The issuer of the tokens of that GitHub's jobs. */
  githubIssuer: string;
  /** The URL of GitHub's pages. */
  githubUrl: string;
  logLevel: string;
  adminToken: string | null;
  metricsToken: string | null;
  databaseUrl: string | null;
  oidcIssuer: string | null;
}

/** Reads the environment. A missing variable is no problem here; {@link missingCredentials} reports it. */
export function readEnvironment(env: NodeJS.ProcessEnv): {
  environment: Environment;
  problems: ConfigProblem[];
} {
  const problems: ConfigProblem[] = [];
  const problem = (key: string, expected: string, got: string, remedy?: string) =>
    problems.push({ file: "environment", key, expected, got, ...(remedy ? { remedy } : {}) });
  const text = (name: string) => env[name]?.trim() || null;
  /** Reads a variable that must have a certain form if it is set. */
  const checked = (name: string, valid: (value: string) => boolean, expected: string, remedy?: string) => {
    const value = text(name);
    if (value === null || valid(value)) return value;
    problem(name, expected, describeValue(value, [name]), remedy);
    return null;
  };

  const appId = checked(
    "APP_ID",
    (value) => /^\d+$/.test(value),
    "a number",
    'it is the "App ID" on the App\'s page',
  );
  const protocol = checked("GHE_PROTOCOL", (value) => /^https?$/.test(value), "https or http") ?? "https";
  const named = text("GHE_HOST");
  const wrong = named === null ? null : wrongGitHubHost(named);
  if (wrong) problem("GHE_HOST", wrong.expected, describeValue(named), wrong.remedy);
  const github = gitHubAddresses(wrong ? null : named, protocol);
  const logLevel = checked(
    "LOG_LEVEL",
    (value) => LOG_LEVELS.includes(value),
    `one of ${LOG_LEVELS.join(", ")}`,
  );
  const databaseUrl = checked(
    "DATABASE_URL",
    isStoreAddress,
    STORE_SYNTAX,
    "in a password write %40 for @, %2F for /, %23 for # and %3F for ?",
  );
  const oidcIssuer = checked(
    "TWINHOOK_OIDC_ISSUER",
    (value) => /^https?:/.test(value) && URL.canParse(value),
    "an http:// or https:// URL",
  );
  const isToken = (value: string) => !/\s/.test(value);
  const TOKEN_REMEDY = "openssl rand -hex 32 makes one";
  // The token gives every right, and the API does not count wrong tokens.
  const adminToken = checked(
    "TWINHOOK_ADMIN_TOKEN",
    (value) => isToken(value) && value.length >= MIN_SECRET_LENGTH,
    `text without spaces, of at least ${MIN_SECRET_LENGTH} characters`,
    TOKEN_REMEDY,
  );
  // With a guessed secret anyone can sign events. The previous secret may be short, so that it can be
  // replaced.
  const webhookSecret = checked(
    "WEBHOOK_SECRET",
    (value) => value.length >= MIN_SECRET_LENGTH,
    `at least ${MIN_SECRET_LENGTH} characters`,
    "openssl rand -hex 32 makes one; set it on the App's page, too, and move this one to WEBHOOK_SECRET_PREVIOUS",
  );
  const metricsToken = checked("TWINHOOK_METRICS_TOKEN", isToken, "text without spaces", TOKEN_REMEDY);

  return {
    environment: {
      appId,
      privateKey: readPrivateKey(text("PRIVATE_KEY"), text("PRIVATE_KEY_PATH"), problem),
      webhookSecret,
      webhookSecretPrevious: text("WEBHOOK_SECRET_PREVIOUS"),
      clientId: text("GITHUB_CLIENT_ID"),
      clientSecret: text("GITHUB_CLIENT_SECRET"),
      githubApiUrl: github.api,
      githubIssuer: github.issuer,
      githubUrl: github.web,
      logLevel: logLevel ?? "info",
      adminToken,
      metricsToken,
      databaseUrl,
      oidcIssuer,
    },
    problems,
  };
}

type Report = (key: string, expected: string, got: string, remedy?: string) => void;

/** The App's key in PEM, from the variable or else from the file. */
function readPrivateKey(value: string | null, path: string | null, problem: Report): string | null {
  const variable = value ? "PRIVATE_KEY" : "PRIVATE_KEY_PATH";
  let key = value?.replaceAll("\\n", "\n") ?? null;
  if (!key && path) {
    try {
      key = readFileSync(path, "utf8").trim();
    } catch (error) {
      problem(
        variable,
        "a file that can be read",
        `${describeValue(path)} (${(error as NodeJS.ErrnoException).code})`,
      );
      return null;
    }
  }
  if (key === null) return null;
  // Some shells and secret stores keep the key on one line; Probot's documentation offers base64.
  if (!key.includes("-----BEGIN")) key = Buffer.from(key, "base64").toString("utf8");
  try {
    createPrivateKey(key);
    return key;
  } catch {
    const whole = "a whole private key in PEM format, as GitHub gives it out (or its base64)";
    problem(variable, whole, "something else", 'generate a new one on the App\'s page, under "Private keys"');
    return null;
  }
}

/** Whether the environment names no GitHub App, so that setup must make one. */
export function isFirstRun(env: NodeJS.ProcessEnv): boolean {
  const { environment, problems } = readEnvironment(env);
  return environment.appId === null && environment.privateKey === null && problems.length === 0;
}

/** The missing variables that an instance needs to start, each with the place to get it. */
export function missingCredentials(environment: Environment): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const missing = (key: string, expected: string, remedy: string) =>
    problems.push({ file: "environment", key, expected, got: "nothing", remedy });
  const settings = `${environment.githubUrl}/settings/apps`;
  if (!environment.appId)
    missing(
      "APP_ID",
      "the number of your GitHub App",
      `it stands on the App's page; without an App, \`twinhook start\` makes one at /setup, or make it at ${settings}/new with the settings of app.yml`,
    );
  if (!environment.privateKey)
    missing(
      "PRIVATE_KEY",
      "the App's private key (or its file in PRIVATE_KEY_PATH)",
      `generate one on the App's page below ${settings}, under "Private keys"`,
    );
  if (!environment.webhookSecret)
    missing(
      "WEBHOOK_SECRET",
      "the secret that GitHub signs the App's webhooks with",
      `make one (openssl rand -hex 32) and set it on the App's page below ${settings}, under "Webhook"`,
    );
  return problems;
}
