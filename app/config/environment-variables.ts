import { APP_SECRETS } from "./environment.ts";

/** Every variable of the environment that an instance reads, each with what it is for. */
const VARIABLES: Record<string, string> = {
  APP_ID: "the GitHub App",
  PRIVATE_KEY: "the App's private key",
  PRIVATE_KEY_PATH: "the file with the App's private key",
  WEBHOOK_SECRET: "what GitHub signs events with",
  WEBHOOK_SECRET_PREVIOUS: "what it signed with before; accepted, too",
  GITHUB_CLIENT_ID: "for signing in with GitHub",
  GITHUB_CLIENT_SECRET: "for signing in with GitHub",
  GHE_HOST: "a GitHub Enterprise Server, or GHE.com",
  GHE_PROTOCOL: "how to reach that",
  TWINHOOK_CONFIG: "the configuration file",
  TWINHOOK_INSTANCE: "which instance this is",
  TWINHOOK_ADMIN_TOKEN: "the admin's token",
  TWINHOOK_METRICS_TOKEN: "a token for /metrics alone",
  TWINHOOK_OIDC_ISSUER: "who signs the tokens of jobs",
  DATABASE_URL: "the store",
  LOG_LEVEL: "how much is logged",
};

export interface VariableState {
  name: string;
  purpose: string;
  /** What it says; null where it is not set. Of a secret it is only said that it is set. */
  value: string | null;
}

/** What the environment says, without its secrets; `named` are the variables that the file names. */
export function variablesOf(env: NodeJS.ProcessEnv, named: readonly string[]): VariableState[] {
  const listed = Object.entries(VARIABLES).map(([name, purpose]) => ({ name, purpose }));
  const others = [...new Set(named)].filter((name) => !(name in VARIABLES));
  return [...listed, ...others.map((name) => ({ name, purpose: "named in the configuration file" }))].map(
    (one) => {
      const value = env[one.name]?.trim() || null;
      const secret = APP_SECRETS.includes(one.name) || !(one.name in VARIABLES);
      return { ...one, value: value !== null && secret ? "set; not shown" : value };
    },
  );
}
