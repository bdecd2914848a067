import type { Message } from "../alert.ts";
import { postJson } from "../post-json.ts";
import { fitted, fitting, headline, inert, plainText, toneOf } from "./channel.ts";

/** Apprise splits or cuts a longer text for services that take less. In characters. */
const MAX_BODY = 4_000;
const MAX_TITLE = 200;
const TYPES = { bad: "failure", good: "success", neutral: "warning" } as const;

const NO_SERVICE =
  "it has no service to notify; save addresses under this key there, or set its APPRISE_STATELESS_URLS";
/** Apprise answers 204, and sends nothing, where it has no address. */
const MEANINGS = { 204: NO_SERVICE, 424: "it did not reach every service; its log says which" };

/** The body for `/notify` and `/notify/KEY`. @see https://github.com/caronc/apprise-api */
export function appriseBody(message: Message) {
  const tones = message.alerts.map(toneOf);
  const worst = (["bad", "neutral", "good"] as const).find((tone) => tones.includes(tone)) ?? "neutral";
  return {
    title: fitting(headline(message), MAX_TITLE, inert),
    body: fitted(message, plainText, (text) => text.length <= MAX_BODY),
    type: TYPES[worst],
    format: "text",
  };
}

/** Sends to an Apprise API server, which passes it on to any of its services. */
export function sendToApprise(url: string) {
  return (message: Message) => postJson(url, JSON.stringify(appriseBody(message)), { meanings: MEANINGS });
}
