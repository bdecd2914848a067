import type { Message } from "../alert.ts";
import { postJson } from "../post-json.ts";
import { cut, headline, MAX_SHOWN, partsOf, SIGNS } from "./channel.ts";

const COLORS = { firing: 0xd1242f, resolved: 0x1a7f37, event: 0xbf8700 } as const;
/** All embeds of a message share 6,000 characters: https://docs.discord.com/developers/resources/message#embed-object */
const MAX_TOTAL = 5_000;
const MAX_PART = 400;

/** Foreign text for Discord's Markdown: nothing in it formats, links or mentions. */
export function escapeDiscord(text: string): string {
  return text
    .replaceAll(/[\\*_~`|>#[\]()<:.+-]/g, "\\$&")
    .replaceAll("@", "@\u200B")
    .replaceAll("://", ":\u200B//");
}

/** The body of a message for a webhook of Discord's. Whatever the text says, nobody is pinged. */
export function discordBody(message: Message): object {
  const shown = message.alerts.slice(0, MAX_SHOWN);
  const rest = message.alerts.length - shown.length;
  const room = Math.floor(MAX_TOTAL / Math.max(1, shown.length));
  return {
    content: escapeDiscord(cut(headline(message), MAX_PART)) + (rest > 0 ? ` (${rest} are not shown)` : ""),
    allowed_mentions: { parse: [] },
    embeds: shown.map((alert) => ({
      title: cut(escapeDiscord(`${SIGNS[alert.state]} ${cut(alert.title, 120)}`), 256),
      url: alert.url,
      color: COLORS[alert.state],
      timestamp: alert.at,
      description: cut(
        partsOf(alert)
          .map(([name, text]) => `**${name}:** ${escapeDiscord(cut(text, MAX_PART))}`)
          .join("\n"),
        room,
      ),
    })),
  };
}

/** Sends to a webhook of Discord's. */
export function sendToDiscord(url: string) {
  return (message: Message) => postJson(url, JSON.stringify(discordBody(message)));
}
