import type { Alert, Message } from "../alert.ts";
import { postJson } from "../post-json.ts";
import { fitted, fitting, inert, partsOf, signOf, toneOf } from "./channel.ts";

/**
 * Teams takes about 28 KB with everything it adds: https://learn.microsoft.com/connectors/teams/. In bytes.
 */
const MAX_BYTES = 20_000;
const COLORS = { bad: "Attention", good: "Good", neutral: "Warning" } as const;

/**
 * The body for a workflow with the trigger "When a Teams webhook request is received": a message with an Adaptive Card.
 * Its text runs know no Markdown, unlike text blocks.
 * @see https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format
 */
export function teamsBody(message: Message) {
  return fitted(message, cardOf, (body) => Buffer.byteLength(JSON.stringify(body)) <= MAX_BYTES);
}

function cardOf(shown: readonly Alert[], { rest, room }: { rest: number; room: number }) {
  const run = (text: string, style: object = {}) => ({ type: "TextRun", text, ...style });
  const line = (...inlines: object[]) => ({ type: "RichTextBlock", inlines });
  const bold = { weight: "Bolder" };
  const cut = (text: string) => fitting(text, room, inert);
  const body = shown.flatMap((alert) => [
    {
      ...line(run(`${signOf(alert)} ${cut(alert.title)}`, { ...bold, color: COLORS[toneOf(alert)] })),
      separator: true,
    },
    ...partsOf(alert).map(([name, text]) => line(run(`${name}: `, bold), run(cut(text)))),
    { type: "ActionSet", actions: [{ type: "Action.OpenUrl", title: "Open", url: alert.url }] },
  ]);
  return {
    type: "message",
    attachments: [
      {
        contentType: "application/vnd.microsoft.card.adaptive",
        contentUrl: null,
        content: {
          $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
          type: "AdaptiveCard",
          version: "1.4",
          body: [...body, ...(rest > 0 ? [line(run(`… and ${rest} more.`))] : [])],
          msteams: { width: "Full" },
        },
      },
    ],
  };
}

/** Sends to a workflow of Teams, by the address that the workflow shows. */
export function sendToTeams(url: string) {
  return (message: Message) => postJson(url, JSON.stringify(teamsBody(message)));
}
