import { html } from "hono/html";
import type { DeploymentStatus, HostRunStatus } from "../../../shared/deployment.ts";
import type { DeliveryOutcome, EndpointHealthRow, FailoverRow } from "../../store/schema.ts";
import type { Markup } from "../layout.ts";
import { type IconName, icon } from "./icons.ts";

/** The look of a state: its colour repeats icon and word. */
export type Tone = "good" | "warn" | "bad" | "busy" | "quiet";

function label(tone: Tone, name: IconName, word: string): Markup {
  return html`<span class="state ${tone}">${icon(name)}${word}</span>`;
}

const DEPLOYMENTS: Record<DeploymentStatus, [Tone, IconName]> = {
  queued: ["warn", "clock"],
  running: ["busy", "play"],
  succeeded: ["good", "check"],
  failed: ["bad", "cross"],
  cancelled: ["quiet", "slash"],
  superseded: ["quiet", "skip"],
};

/** The state of a deployment on one of its hosts. */
export function hostRunState(status: HostRunStatus): Markup {
  return status === "pending" ? label("quiet", "clock", status) : deploymentState(status);
}

export function deploymentState(status: DeploymentStatus): Markup {
  return label(...DEPLOYMENTS[status], status);
}

const ENDPOINTS: Record<EndpointHealthRow["status"], [Tone, IconName]> = {
  healthy: ["good", "check"],
  degraded: ["warn", "warning"],
  unhealthy: ["bad", "cross"],
  unknown: ["quiet", "question"],
};

export function endpointState(status: EndpointHealthRow["status"]): Markup {
  return label(...ENDPOINTS[status], status === "unknown" ? "not seen yet" : status);
}

const OUTCOMES: Record<DeliveryOutcome, [Tone, IconName]> = {
  deployed: ["good", "check"],
  waiting: ["warn", "clock"],
  duplicate: ["quiet", "skip"],
  superseded: ["quiet", "skip"],
  ignored: ["quiet", "slash"],
};

export function deliveryState(outcome: DeliveryOutcome): Markup {
  return label(...OUTCOMES[outcome], outcome);
}

const CHANGES: Record<FailoverRow["kind"], [Tone, IconName]> = {
  failover: ["bad", "bolt"],
  switchover: ["busy", "swap"],
  recovery: ["good", "back"],
};

export function changeState(kind: FailoverRow["kind"]): Markup {
  return label(...CHANGES[kind], kind);
}
