import { checkAlerts } from "./alerts.ts";
import { checkConfiguration } from "./configuration.ts";
import { checkEndpoints } from "./endpoints.ts";
import type { Finding } from "./finding.ts";
import { checkGitHub } from "./github.ts";
import { checkInstances } from "./instances.ts";
import { checkLive } from "./live.ts";
import type { Patient } from "./patient.ts";
import { checkPorts } from "./ports.ts";
import { checkStore } from "./store.ts";
import { checkUnit } from "./unit.ts";

/** The first check: without a configuration there is nothing else to look at. */
export const CONFIGURATION = checkConfiguration;

/** The other checks, in their order. */
export const CHECKS: Record<string, (patient: Patient) => Promise<Finding[]>> = {
  store: checkStore,
  ports: checkPorts,
  "public URLs": checkEndpoints,
  instances: checkInstances,
  "App at GitHub": checkGitHub,
  "unit file": checkUnit,
  alerts: checkAlerts,
};

/** What is measured only when it is asked for, since GitHub has to do something for it. */
export const LIVE_CHECKS: typeof CHECKS = { "App at GitHub, by measuring": checkLive };
