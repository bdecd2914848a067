import type { AlertRow } from "../store/schema.ts";

/** An alert in words, as plain text. Any field may hold foreign text, so that each channel must escape it. */
export interface Alert {
  /** The same whenever the alert is sent again. */
  id: string;
  kind: AlertRow["kind"];
  /** `firing`: it began, and lasts · `resolved`: it is over · `event`: it happened. */
  state: AlertRow["state"];
  /** The instance, target or repository that it is about; empty if its kind has only one. */
  subject: string;
  title: string;
  /** When it began, and when it was recorded (or ended): ISO 8601. */
  since: string;
  at: string;
  cause: string;
  /** The effect on deployments. */
  effect: string;
  /** What a person has to do. */
  remedy: string;
  url: string;
}

/** Several alerts that are sent together. */
export interface Message {
  /** The same whenever the message is sent again. */
  id: string;
  alerts: readonly Alert[];
}
