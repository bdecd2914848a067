import type { Alert, Message } from "../alert.ts";
import { postJson } from "../post-json.ts";
import { fitted, fitting, inert, partsOf, signOf } from "./channel.ts";

/** The longest text of a message, in characters: https://core.telegram.org/bots/api#sendmessage */
const MAX_TEXT = 4_096;

/** Escapes foreign text for Telegram's HTML. Telegram makes links and mentions of plain text, too. */
export function escapeTelegram(text: string): string {
  return inert(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** The body of `sendMessage`. */
export function telegramBody(message: Message, chatId: string) {
  const text = fitted(message, htmlOf, (html) => html.length <= MAX_TEXT);
  return { chat_id: chatId, text, parse_mode: "HTML", link_preview_options: { is_disabled: true } };
}

function htmlOf(shown: readonly Alert[], { rest, room }: { rest: number; room: number }): string {
  const cut = (text: string) => fitting(text, room, escapeTelegram);
  const alerts = shown.map((alert) =>
    [
      `${signOf(alert)} <b>${cut(alert.title)}</b>`,
      ...partsOf(alert).map(([name, text]) => `<b>${name}:</b> ${cut(text)}`),
      `<a href="${encodeURI(decodeURI(alert.url)).replaceAll("&", "&amp;")}">Open</a>`,
    ].join("\n"),
  );
  return [...alerts, ...(rest > 0 ? [`… and ${rest} more.`] : [])].join("\n\n");
}

/** How long Telegram asks to wait (ms): `{"ok": false, "parameters": {"retry_after": 5}}`. */
function pauseIn(answer: string): number | null {
  const [, seconds] = /"retry_after"\s*:\s*(\d{1,6})/.exec(answer) ?? [];
  return seconds === undefined ? null : Number(seconds) * 1_000;
}

/** Sends by a bot, to a chat. The address holds the bot's token: `https://api.telegram.org/botTOKEN`. */
export function sendToTelegram(url: string, chatId: string) {
  const token = /\/bot([^/]+)$/.exec(url)?.[1] ?? "";
  const secrets = [token, ...token.split(":")];
  return (message: Message) =>
    postJson(`${url}/sendMessage`, JSON.stringify(telegramBody(message, chatId)), { secrets, pauseIn });
}
