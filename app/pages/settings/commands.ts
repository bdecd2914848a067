import type { Probot } from "probot";
import type { AdminTokens } from "../../auth/admin-tokens.ts";
import type { Clock } from "../../clock.ts";
import type { Config } from "../../config/load.ts";
import type { Failover } from "../../failover/failover.ts";
import { unpin } from "../../failover/switchboard.ts";
import type { DeliveryLogClient } from "../../github/delivery-log.ts";
import { describePing, type Ping, pingThroughGitHub } from "../../github/ping.ts";
import { HttpProblem } from "../../http/problem.ts";
import { switchOver } from "../../http/redundancy/switch-over.ts";
import { prepareSecret } from "../../http/webhook-secret.ts";
import type { Store } from "../../store/store.ts";
import type { SettingsCommands } from "./actions.ts";

/** How long GitHub may take over a whole test. */
const PING_LIMIT_MS = 20_000;

/** The commands behind the buttons of the settings page. */
export function settingsCommands(options: {
  config: Config;
  store: Store;
  failover: Failover;
  clock: Clock;
  app: Promise<Probot>;
  deliveries: DeliveryLogClient;
  sendTestAlert: SettingsCommands["sendTestAlert"];
  tokens: AdminTokens;
}): SettingsCommands {
  const { config, store, failover, clock, app, deliveries, sendTestAlert, tokens } = options;
  return {
    switchOver: (to, reason, force) => switchOver({ config, store, failover }, { to, reason, force }),
    release: () => unpin(store),
    sendTestAlert,
    ping: async () => describePing(await testDelivery({ app, deliveries, clock })),
    revokeToken: async (name) => {
      await tokens.revoke(name);
      return `the token ${name} is refused from now on`;
    },
    prepareSecret: () => prepareSecret(config.environment),
  };
}

/**
 * Tests the way from GitHub to the active endpoint.
 * @throws {HttpProblem} 409 when GitHub has nothing to send; 502 when GitHub is unreachable.
 */
export async function testDelivery(options: {
  app: Promise<Probot>;
  deliveries: DeliveryLogClient;
  clock: Clock;
}): Promise<Ping> {
  const { app, deliveries, clock } = options;
  const signal = AbortSignal.timeout(PING_LIMIT_MS);
  const ping = await pingThroughGitHub({ app, log: deliveries, clock, signal }).catch((error: Error) => {
    throw new HttpProblem(502, `GitHub cannot be asked: ${error.message.split("\n")[0]}; try again`);
  });
  if (ping.kind === "nothing_to_send") throw new HttpProblem(409, describePing(ping));
  return ping;
}
