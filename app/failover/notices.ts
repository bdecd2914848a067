import { EventEmitter } from "node:events";
import type { HealthStatus } from "./health-window.ts";

export type FailoverKind = "failover" | "switchover" | "recovery";

/** Something that people want to know, as it happens. Times are ISO 8601. */
export type Notice =
  /** An instance has become the controller. */
  | { type: "controller"; instance: string; token: number }
  /** An endpoint does better or worse than before, as this instance sees it. */
  | { type: "endpoint"; name: string; status: HealthStatus; was: HealthStatus; reason: string }
  /** Another endpoint is to be the active one. */
  | {
      type: "failover";
      kind: FailoverKind;
      from: string;
      to: string;
      reason: string;
      detectedAt: string;
      decidedAt: string;
    }
  /** GitHub delivers to it from now on; the time is from the detection of the cause to GitHub's answer. */
  | {
      type: "webhook_switched";
      kind: FailoverKind;
      from: string;
      to: string;
      url: string;
      durationMs: number;
    }
  /** Someone else had changed the URL at GitHub; it is being put right. */
  | { type: "webhook_deviated"; found: string | null; wanted: string }
  | { type: "all_down"; reason: string }
  /** Requests had not arrived; those that are not accepted were overtaken by newer runs. */
  | { type: "catch_up"; found: number; accepted: number }
  /** Something at GitHub failed, and is tried again. */
  | { type: "retry"; operation: "webhook_url" | "look" };

/** The instance's own bus of notices: dashboards draw from it, and alerts are sent by it. */
export class Notices {
  #events = new EventEmitter();

  publish(notice: Notice): void {
    this.#events.emit("notice", notice);
  }

  /** Calls `listener` with every notice from now on; returns how to stop. */
  subscribe(listener: (notice: Notice) => void): () => void {
    this.#events.on("notice", listener);
    return () => this.#events.off("notice", listener);
  }
}
