import { Attempts } from "../auth/attempts.ts";
import { GitHubSignIn } from "../auth/github-sign-in.ts";
import type { MountedRoutes } from "../http/server.ts";
import { TargetCommands } from "../http/targets/target-commands.ts";
import { assetRoutes } from "../pages/assets.ts";
import { livePageRoutes } from "../pages/live-page-routes.ts";
import { settingsCommands, testDelivery } from "../pages/settings/commands.ts";
import { settingsRoutes } from "../pages/settings/settings-routes.ts";
import { tokenPageRoutes } from "../pages/settings/token-routes.ts";
import { signInRoutes } from "../pages/sign-in-routes.ts";
import { targetCommandRoutes } from "../pages/targets/target-command-routes.ts";
import { setupRoutes } from "../setup/setup-routes.ts";
import { SetupSessions } from "../setup/setup-sessions.ts";
import type { RouteParts } from "./instance-parts.ts";

/** The routes for people: pages, sign-in, settings and setup. */
export function pageRoutes(parts: RouteParts): MountedRoutes[] {
  const { config, self, env, store, clock, failover, audit, signIn, alerts, deliveries, key, codes } = parts;
  const tokens = parts.namedTokens;
  const { adminToken, clientId, clientSecret, githubUrl, githubApiUrl } = config.environment;
  const [app] = parts.apps;
  const sessions = new SetupSessions({
    key,
    clock,
    codes,
    origins: signIn.places.origins,
  });
  const channels = alerts.channels.map(({ type }) => type).join(", ");
  const sendTestAlert = async (by: string) => {
    await alerts.sendTestAlert(by);
    return `on its way to ${channels}`;
  };
  return [
    ["/assets", assetRoutes()],
    ["/", livePageRoutes(parts.pages, signIn)],
    ["/", tokenPageRoutes(signIn, { tokens, targets: config.targets, clock, audit })],
    [
      "/",
      targetCommandRoutes(
        parts.pages,
        signIn,
        new TargetCommands({
          store,
          clock,
          instance: self.name,
          config,
          audit,
          onMoved: () => parts.dispatcher.wake(),
        }),
      ),
    ],
    [
      "/",
      settingsRoutes({
        config,
        instance: self.name,
        env,
        store,
        failover,
        audit,
        tokens,
        app,
        webhook: parts.webhook,
        now: () => clock.now(),
        signIn,
        commands: settingsCommands({
          config,
          store,
          failover,
          clock,
          app,
          deliveries,
          sendTestAlert: channels === "" ? null : sendTestAlert,
          tokens,
        }),
      }),
    ],
    [
      "/",
      setupRoutes({
        sessions,
        config,
        store,
        app,
        testDelivery: () => testDelivery({ app, deliveries, clock }),
      }),
    ],
    [
      "/",
      signInRoutes({
        signIn,
        attempts: new Attempts({ key, clock }),
        adminToken,
        github:
          clientId && clientSecret
            ? new GitHubSignIn({ key, clock, clientId, clientSecret, githubUrl, githubApiUrl })
            : null,
        githubUrl,
      }),
    ],
  ];
}
