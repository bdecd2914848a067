import type { AlertKind } from "../../config/alert-kinds.ts";
import type { AlertConfig } from "../../config/schema.ts";
import type { Message } from "../alert.ts";

/** A place where alerts are told. */
export interface Channel {
  /** Tells it from every other channel; holds no secret. */
  id: string;
  type: AlertConfig["type"];
  /** What is told there; test alerts always are. */
  kinds: readonly AlertKind[];
  /** Whether several alerts may be told in one message. */
  groups: boolean;
  /**
   * Sends a message, in less than 20 s.
   * @throws {SendError} when the receiver did not take it.
   */
  send(message: Message): Promise<void>;
}

/** How a channel shows an alert's state at a glance. */
export const SIGNS = { firing: "🔴", resolved: "🟢", event: "🟡" } as const;

/** The parts of an alert's text, each under its name, in the order in which they are read. */
export function partsOf(alert: Message["alerts"][number]): [string, string][] {
  const { state, since, at, cause, effect, remedy } = alert;
  return [
    state === "resolved" ? ["From", `${since} to ${at}`] : ["Since", since],
    ["Cause", cause],
    ["Deployments", effect],
    ...(remedy === "Nothing." ? [] : [["To do", remedy] as [string, string]]),
  ];
}

/**
 * The text as `escaping` makes it, or as much of its beginning as then fits into `length`, with a sign that it goes on.
 * What is cut is the text, never what it was escaped to.
 */
export function fitting(text: string, length: number, escaping = (part: string) => part): string {
  let escaped = escaping(text);
  for (let kept = text.length; escaped.length > length; ) {
    kept = Math.min(kept - 1, Math.floor((kept * length) / escaped.length));
    escaped = escaping(`${text.slice(0, Math.max(0, kept)).replace(/[\uD800-\uDBFF]$/, "")}…`);
  }
  return escaped;
}

/** A whole message on one line. */
export function headline({ alerts }: Message): string {
  const [first, ...others] = alerts;
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  return `${first ? `${SIGNS[first.state]} ${first.title}` : "Twinhook"}${more}`;
}

/** What fits into one message is told in full, the rest by its number. */
export const MAX_SHOWN = 10;
