import type { Message } from "../alert.ts";
import { postJson } from "../post-json.ts";
import { fitting, headline, MAX_SHOWN, partsOf, signOf } from "./channel.ts";

/** A block takes 3,000 characters: https://docs.slack.dev/reference/block-kit/blocks/section-block */
const MAX_PART = 450;

/**
 * Escapes foreign text for Slack's mrkdwn. It replaces `&`, `<` and `>`, so that the text makes no mentions and no links. An
 * invisible character before other control characters keeps them from formatting.
 * @see https://docs.slack.dev/messaging/formatting-message-text#escaping
 */
export function escapeMrkdwn(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll(/[*_~`]/g, "\u200B$&");
}

/** The body of a message for a Slack webhook. */
export function slackBody(message: Message): object {
  const shown = message.alerts.slice(0, MAX_SHOWN);
  const rest = message.alerts.length - shown.length;
  const section = (text: string) => ({ type: "section", text: { type: "mrkdwn", text, verbatim: true } });
  return {
    text: fitting(headline(message), MAX_PART, escapeMrkdwn),
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      ...shown.map((alert) =>
        section(
          [
            `${signOf(alert)} *${fitting(alert.title, MAX_PART, escapeMrkdwn)}*`,
            ...partsOf(alert).map(([name, text]) => `*${name}:* ${fitting(text, MAX_PART, escapeMrkdwn)}`),
            `<${encodeURI(decodeURI(alert.url))}|Open>`,
          ].join("\n"),
        ),
      ),
      ...(rest > 0 ? [section(`… and ${rest} more.`)] : []),
    ],
  };
}

/** Sends to a Slack webhook. */
export function sendToSlack(url: string) {
  return (message: Message) => postJson(url, JSON.stringify(slackBody(message)));
}
