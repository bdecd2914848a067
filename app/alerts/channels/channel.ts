import type { AlertKind } from "../../config/alert-kinds.ts";
import type { AlertConfig } from "../../config/schema.ts";
import type { Message } from "../alert.ts";

/** A place to which alerts are sent. */
export interface Channel {
  /** Unique among channels; holds no secret. */
  id: string;
  type: AlertConfig["type"];
  /** The kinds that are sent there; test alerts always are. */
  kinds: readonly AlertKind[];
  /** Whether several alerts may share one message. */
  groups: boolean;
  /**
   * Sends a message, in less than 20 s.
   * @throws {SendError} when the receiver did not take it.
   */
  send(message: Message): Promise<void>;
}

/** The sign of an alert's state. */
export const SIGNS = { firing: "🔴", resolved: "🟢", event: "🟡" } as const;

/** The parts of an alert's text, each with its name, in reading order. */
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
 * The escaped text, cut to `length` and ended with `…` if it is longer. It cuts the text before it escapes it, so that
 * no escape sequence is cut.
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

/** A message shows this many alerts in full, and the number of the others. */
export const MAX_SHOWN = 10;
