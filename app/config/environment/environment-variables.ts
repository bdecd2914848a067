import { APP_SECRETS } from "./environment.ts";

/** Every environment variable that an instance reads, with its purpose. */
const VARIABLES: Record<string, string> = {
  APP_ID: "the GitHub App",
  PRIVATE_KEY: "the App's private key",
  PRIVATE_KEY_PATH: "the file with the App's private key",
  WEBHOOK_SECRET: "the secret that GitHub signs events with",
  WEBHOOK_SECRET_PREVIOUS: "the previous secret; still accepted",
  GITHUB_CLIENT_ID: "for signing in with GitHub",
  GITHUB_CLIENT_SECRET: "for signing in with GitHub",
  GHE_HOST: "a GitHub Enterprise Server, or GHE.com",
  GHE_PROTOCOL: "the protocol for GHE_HOST",
  TWINHOOK_CONFIG: "the configuration file",
  TWINHOOK_INSTANCE: "the name of this instance",
  TWINHOOK_ADMIN_TOKEN: "the admin's token",
  TWINHOOK_METRICS_TOKEN: "a token for /metrics alone",
  TWINHOOK_OIDC_ISSUER: "the issuer of the tokens of jobs",
  DATABASE_URL: "the store",
  LOG_LEVEL: "the level of the log",
};

export interface VariableState {
  name: string;
  purpose: string;
  /** The value; null where it is not set. For a secret, only a note that it is set. */
  value: string | null;
}

/** The variables of the environment, without secrets. `named` are the variables that the file names. */
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
