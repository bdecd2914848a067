import type { Message } from "../alert.ts";
import { postJson } from "../post-json.ts";
import { fitting, headline, MAX_SHOWN, partsOf, signOf, toneOf } from "./channel.ts";

const COLORS = { bad: 0xd1242f, good: 0x1a7f37, neutral: 0xbf8700 } as const;
/** All embeds of a message share 6,000 characters: https://docs.discord.com/developers/resources/message#embed-object */
const MAX_TOTAL = 4_400;
const MAX_PART = 400;
const MAX_TITLE = 150;
/** The room for a part's name and markup (characters). */
const LABEL = 20;
const PARTS = 4;

/** Escapes foreign text for Discord's Markdown, so that it formats, links and mentions nothing. */
export function escapeDiscord(text: string): string {
  return text
    .replaceAll(/[\\*_~`|>#[\]()<:.+-]/g, "\\$&")
    .replaceAll("@", "@\u200B")
    .replaceAll("://", ":\u200B//");
}

/** The body of a message for a Discord webhook. No text in it can mention a person. */
export function discordBody(message: Message): object {
  const shown = message.alerts.slice(0, MAX_SHOWN);
  const rest = message.alerts.length - shown.length;
  const room = Math.min(MAX_PART, Math.floor(MAX_TOTAL / Math.max(1, shown.length) / PARTS) - LABEL);
  return {
    content:
      fitting(headline(message), MAX_PART, escapeDiscord) + (rest > 0 ? ` (${rest} are not shown)` : ""),
    allowed_mentions: { parse: [] },
    embeds: shown.map((alert) => ({
      title: fitting(`${signOf(alert)} ${alert.title}`, MAX_TITLE, escapeDiscord),
      url: alert.url,
      color: COLORS[toneOf(alert)],
      timestamp: alert.at,
      description: partsOf(alert)
        .map(([name, text]) => `**${name}:** ${fitting(text, room, escapeDiscord)}`)
        .join("\n"),
    })),
  };
}

/** Sends to a Discord webhook. */
export function sendToDiscord(url: string) {
  return (message: Message) => postJson(url, JSON.stringify(discordBody(message)));
}
