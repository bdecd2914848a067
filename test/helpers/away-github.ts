import { type AppIdentity, appIdentity } from "../simulator/app-identity.ts";

/** An App at a GitHub that is not there: for tests in which nobody needs it. */
export function awayGitHub(): { app: AppIdentity; environment: () => Record<string, string> } {
  const app = appIdentity();
  return {
    app,
    environment: () => ({
      APP_ID: String(app.id),
      PRIVATE_KEY: app.privateKey,
      WEBHOOK_SECRET: app.webhookSecret,
      // Nothing listens on the discard port.
      GHE_HOST: "127.0.0.1:9",
      GHE_PROTOCOL: "http",
    }),
  };
}
