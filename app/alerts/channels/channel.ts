import type { AlertKind } from "../../config/alert-kinds.ts";
import type { AlertConfig } from "../../config/schema.ts";
import type { Alert, Message } from "../alert.ts";
import { printable } from "../post-json.ts";

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

const SIGNS = { bad: "🔴", good: "🟢", neutral: "🟡" } as const;

/** Whether an alert is good news. A single event is neither, but for a success. */
export function toneOf({ kind, state }: Pick<Alert, "kind" | "state">): keyof typeof SIGNS {
  if (state === "firing") return "bad";
  return state === "resolved" || kind === "deployment_succeeded" ? "good" : "neutral";
}

/** The sign before an alert's title. */
export function signOf(alert: Pick<Alert, "kind" | "state">): string {
  return SIGNS[toneOf(alert)];
}

/** The parts of an alert's text, each with its name, in reading order. */
export function partsOf(alert: Alert): [string, string][] {
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
  return `${first ? `${signOf(first)} ${first.title}` : "Twinhook"}${more}`;
}

/** A message shows this many alerts in full, and the number of the others. */
export const MAX_SHOWN = 10;

/** The room for each part of an alert, in characters: the least, and more, the most first. */
const LEAST_ROOM = 60;
const MORE_ROOM = [450, 300, 200, 120];
/** No part shows more of its text, so the rest need not be escaped to be cut. */
const MAX_READ = 2_000;

/**
 * Makes a message's body with as many alerts, and then as much text of each, as its service takes. `rest` is the number
 * of alerts that are not shown.
 */
export function fitted<T>(
  { alerts }: Message,
  make: (shown: readonly Alert[], options: { rest: number; room: number }) => T,
  fits: (made: T) => boolean,
): T {
  const shown = alerts.slice(0, MAX_SHOWN).map(shortened);
  for (let count = shown.length; ; count--) {
    const made = (room: number) => make(shown.slice(0, count), { rest: alerts.length - count, room });
    const least = made(LEAST_ROOM);
    if (count > 1 && !fits(least)) continue;
    for (const room of MORE_ROOM) {
      const more = made(room);
      if (fits(more)) return more;
    }
    return least;
  }
}

function shortened(alert: Alert): Alert {
  const [title, cause, effect, remedy] = [alert.title, alert.cause, alert.effect, alert.remedy].map((text) =>
    text.slice(0, MAX_READ),
  ) as [string, string, string, string];
  return { ...alert, title, cause, effect, remedy };
}

/**
 * Foreign text that no service takes for a mention, a link or a tag: an invisible character breaks each of them.
 */
export function inert(text: string): string {
  return printable(text)
    .replaceAll(/[@#<{]|\](?=\()/g, "$&\u200B")
    .replaceAll("://", ":\u200B//")
    .replaceAll(/(\w)\.(?=[a-z])/gi, "$1.\u200B");
}

/** Alerts as plain text, each part cut to `room` characters; a single one without its title. */
export function plainText(shown: readonly Alert[], { rest, room }: { rest: number; room: number }): string {
  const texts = shown.map((alert) =>
    [
      ...(shown.length + rest > 1 ? [`${signOf(alert)} ${fitting(alert.title, room, inert)}`] : []),
      ...partsOf(alert).map(([name, text]) => `${name}: ${fitting(text, room, inert)}`),
      alert.url,
    ].join("\n"),
  );
  return [...texts, ...(rest > 0 ? [`… and ${rest} more.`] : [])].join("\n\n");
}
