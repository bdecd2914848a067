import { alertRoutes } from "../http/alert-routes.ts";
import { deliveryRoutes } from "../http/delivery-routes.ts";
import { deploymentRoutes } from "../http/deployment-routes.ts";
import { healthRoutes } from "../http/health-routes.ts";
import { metricsRoutes } from "../http/metrics-routes.ts";
import { openApiRoutes } from "../http/openapi-routes.ts";
import { statusRoutes } from "../http/redundancy/status-routes.ts";
import type { MountedRoutes } from "../http/server.ts";
import { targetRoutes } from "../http/targets/target-routes.ts";
import { tokenRoutes } from "../http/tokens/token-routes.ts";
import { CertificateExpiry } from "../metrics/certificate-expiry.ts";
import { StateGauges } from "../metrics/state-gauges.ts";
import type { RouteParts } from "./instance-parts.ts";

/** The routes for programs: the API, health and metrics. */
export function apiRoutes(parts: RouteParts): MountedRoutes[] {
  const { config, self, store, clock, credentials, audit, metrics, failover, acceptor, access } = parts;
  const instance = self.name;
  const { metricsToken } = config.environment;
  const state = new StateGauges({
    registry: metrics.registry,
    store,
    clock,
    config,
    failover,
    breakers: { github_outbox: () => parts.outbox.breakerState },
    ended: parts.ended,
    certificates: new CertificateExpiry(config.instances, clock),
    stateDirectory: config.stateDirectory,
  });
  return [
    ["/", healthRoutes(parts.health, clock)],
    ["/", metricsRoutes({ metrics, state, credentials, metricsToken })],
    [
      "/api/deployments",
      deploymentRoutes({
        store,
        clock,
        acceptor,
        credentials,
        audit,
        jobs: parts.jobs,
        runs: parts.runs,
        names: parts.names,
        pageUrl: parts.pageUrl,
        onQueued: () => parts.dispatcher.wake(),
        onVerified: () => metrics.verified(),
      }),
    ],
    [
      "/api/deliveries",
      deliveryRoutes({
        store,
        credentials,
        acceptor,
        audit,
        targets: config.targets,
        names: parts.names,
        github: { access, clock },
        verifyProof: parts.verifyProof,
      }),
    ],
    ["/api", statusRoutes({ config, instance, store, failover, credentials, audit })],
    [
      "/api/targets",
      targetRoutes({
        store,
        config,
        clock,
        instance,
        pageUrl: parts.pageUrl,
        credentials,
        audit,
        onMoved: () => parts.dispatcher.wake(),
      }),
    ],
    [
      "/api/tokens",
      tokenRoutes({ tokens: parts.namedTokens, targets: config.targets, clock, audit, credentials }),
    ],
    ["/api/alerts", alertRoutes({ alerts: parts.alerts, credentials, audit })],
    ["/api", openApiRoutes(config.instances)],
  ];
}
