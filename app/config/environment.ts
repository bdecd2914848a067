import { readFileSync } from "node:fs";
import type { ConfigProblem } from "./problem.ts";

/** What only the environment may say, since it is secret or differs between instances. */
export interface Environment {
  appId: string | null;
  privateKey: string | null;
  webhookSecret: string | null;
  webhookSecretPrevious: string | null;
  /** `https://api.github.com`, or that of the GitHub Enterprise Server that GHE_HOST names. */
  githubApiUrl: string;
  /** Where people look at GitHub. */
  githubUrl: string;
  logLevel: string;
  adminToken: string | null;
  metricsToken: string | null;
  databaseUrl: string | null;
  oidcIssuer: string | null;
}

/** Reads the environment. What is missing is not a problem here; {@link missingCredentials} says what is. */
export function readEnvironment(env: NodeJS.ProcessEnv): {
  environment: Environment;
  problems: ConfigProblem[];
} {
  const problems: ConfigProblem[] = [];
  const problem = (key: string, expected: string, got: string, remedy?: string) =>
    problems.push({ file: "environment", key, expected, got, ...(remedy ? { remedy } : {}) });
  const text = (name: string) => env[name]?.trim() || null;

  let privateKey = text("PRIVATE_KEY")?.replaceAll("\\n", "\n") ?? null;
  const path = text("PRIVATE_KEY_PATH");
  if (!privateKey && path) {
    try {
      privateKey = readFileSync(path, "utf8");
    } catch (error) {
      problem("PRIVATE_KEY_PATH", "a readable file", `${path} (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  // Some shells and secret stores keep the key on one line; Probot's documentation offers base64.
  if (privateKey && !privateKey.includes("-----BEGIN"))
    privateKey = Buffer.from(privateKey, "base64").toString("utf8");
  if (privateKey && !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(privateKey)) {
    problem(
      path ? "PRIVATE_KEY_PATH" : "PRIVATE_KEY",
      "a private key in PEM format",
      "something else",
      "download a new one on the App's page",
    );
    privateKey = null;
  }
  const appId = text("APP_ID");
  if (appId && !/^\d+$/.test(appId)) problem("APP_ID", "a number", JSON.stringify(appId));

  const protocol = text("GHE_PROTOCOL") ?? "https";
  if (protocol !== "https" && protocol !== "http")
    problem("GHE_PROTOCOL", "https or http", JSON.stringify(protocol));
  const host = text("GHE_HOST");
  const githubUrl = host ? `${protocol}://${host}` : "https://github.com";

  return {
    environment: {
      appId,
      privateKey,
      webhookSecret: text("WEBHOOK_SECRET"),
      webhookSecretPrevious: text("WEBHOOK_SECRET_PREVIOUS"),
      githubApiUrl: host ? `${githubUrl}/api/v3` : "https://api.github.com",
      githubUrl,
      logLevel: text("LOG_LEVEL") ?? "info",
      adminToken: text("TWINHOOK_ADMIN_TOKEN"),
      metricsToken: text("TWINHOOK_METRICS_TOKEN"),
      databaseUrl: text("DATABASE_URL"),
      oidcIssuer: text("TWINHOOK_OIDC_ISSUER"),
    },
    problems,
  };
}

/** What an instance cannot start without, each with where to get it. */
export function missingCredentials(environment: Environment): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const missing = (key: string, expected: string, remedy: string) =>
    problems.push({ file: "environment", key, expected, got: "nothing", remedy });
  const settings = `${environment.githubUrl}/settings/apps`;
  if (!environment.appId)
    missing(
      "APP_ID",
      "the number of your GitHub App",
      `it stands on the App's page; make an App at ${settings}/new with the settings of app.yml`,
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
