import type { Generated } from "kysely";
import type { AlertKind } from "../../config/alert-kinds.ts";
import type { OutboxRow } from "./deployments.ts";

/** An alert, reported once. */
export interface AlertRow {
  id: Generated<number>;
  kind: AlertKind | "test";
  /** A condition that began, its end, or a single event. */
  state: "firing" | "resolved" | "event";
  /** The subject among alerts of its kind, such as the instance. */
  subject: string;
  /** When the condition began, and when this alert was raised. */
  since: number;
  at: number;
  /** JSON: the facts of the message, by kind. */
  facts: string;
  /** When its messages were made; null until then. */
  told_at: number | null;
}

/** A reported condition that still lasts. */
export interface AlertConditionRow {
  kind: AlertKind;
  subject: string;
  since: number;
}

/** A message to send. Each channel is a line of its own, sent in order. */
export interface AlertOutboxRow extends Omit<OutboxRow, "deployment_id" | "final"> {
  /** The configured channel, see `channelId`. */
  channel: string;
  /** JSON: the ids of the alerts in the message. */
  body: string;
}
