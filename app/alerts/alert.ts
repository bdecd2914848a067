import type { AlertRow } from "../store/schema.ts";

/** What people are told, in plain text. Any of it may hold foreign text, to be escaped by whoever shows it. */
export interface Alert {
  /** The same whenever this is sent again. */
  id: string;
  kind: AlertRow["kind"];
  /** `firing`: it began, and lasts · `resolved`: it is over · `event`: it happened. */
  state: AlertRow["state"];
  /** Whom or what it is about, among alerts of its kind. */
  subject: string;
  title: string;
  /** When it began, and when it was noticed (or was over): ISO 8601. */
  since: string;
  at: string;
  cause: string;
  /** What it means for deployments. */
  effect: string;
  /** What to do. */
  remedy: string;
  url: string;
}

/** Several alerts that are told together. */
export interface Message {
  /** The same whenever it is sent again. */
  id: string;
  alerts: readonly Alert[];
}
