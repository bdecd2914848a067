import { EventEmitter } from "node:events";
import type { HealthStatus } from "./health-window.ts";

export type FailoverKind = "failover" | "switchover" | "recovery";

/** An event that dashboards, metrics and alerts follow. Times are ISO 8601. */
export type BusEvent =
  /** An instance has become the controller. */
  | { type: "controller"; instance: string; token: number }
  /** An endpoint's status has changed, as this instance sees it. */
  | { type: "endpoint"; name: string; status: HealthStatus; was: HealthStatus; reason: string }
  /** The controller has decided that another endpoint becomes the active one. */
  | {
      type: "failover";
      kind: FailoverKind;
      from: string;
      to: string;
      reason: string;
      detectedAt: string;
      decidedAt: string;
    }
  /** GitHub has taken the new URL. `durationMs` is from the detection of the cause to GitHub's answer. */
  | {
      type: "webhook_switched";
      kind: FailoverKind;
      from: string;
      to: string;
      url: string;
      durationMs: number;
    }
  /** Someone else had changed the webhook at GitHub; the controller sets it again. */
  | { type: "webhook_deviated"; found: string | null; wanted: string }
  | { type: "all_down"; reason: string }
  /** Scans found requests that had not arrived. Newer runs overtook those that are not accepted. */
  | { type: "catch_up"; found: number; accepted: number }
  /** A call to GitHub failed, and will be repeated. */
  | { type: "retry"; operation: "webhook_url" | "look" };

/** The instance's event bus: dashboards, metrics and alerts subscribe to it. */
export class EventBus {
  #events = new EventEmitter();

  publish(event: BusEvent): void {
    this.#events.emit("event", event);
  }

  /** Calls `listener` with every event from now on. The result unsubscribes. */
  subscribe(listener: (event: BusEvent) => void): () => void {
    this.#events.on("event", listener);
    return () => this.#events.off("event", listener);
  }
}
