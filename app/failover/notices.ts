import { EventEmitter } from "node:events";

/** Something that people want to know, as it happens. Times are ISO 8601. */
export type Notice =
  | { type: "controller"; instance: string; token: number }
  | {
      type: "failover";
      kind: "failover" | "switchover" | "recovery";
      from: string;
      to: string;
      reason: string;
      detectedAt: string;
      decidedAt: string;
    }
  | { type: "webhook_switched"; url: string; durationMs: number | null }
  | { type: "endpoint"; name: string; status: string; reason: string }
  | { type: "all_down"; reason: string }
  | { type: "catch_up"; found: number; accepted: number };

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
