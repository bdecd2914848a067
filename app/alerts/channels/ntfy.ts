import type { Message } from "../alert.ts";
import { postJson } from "../post-json.ts";
import { fitted, fitting, headline, inert, plainText, toneOf } from "./channel.ts";

/** A longer message becomes an attachment: https://docs.ntfy.sh/publish/#limitations */
const MAX_BYTES = 4_096;
const MAX_TITLE = 200;
/** Of 1 to 5: https://docs.ntfy.sh/publish/#message-priority */
const PRIORITY = { bad: 4, good: 3, neutral: 3 } as const;

/** The body for the server's root. @see https://docs.ntfy.sh/publish/#publish-as-json */
export function ntfyBody(message: Message, topic: string) {
  const [first] = message.alerts;
  return {
    topic,
    title: fitting(headline(message), MAX_TITLE, inert),
    message: fitted(message, plainText, (text) => Buffer.byteLength(text) <= MAX_BYTES),
    ...(first && {
      click: first.url,
      priority: Math.max(...message.alerts.map((one) => PRIORITY[toneOf(one)])),
    }),
  };
}

/** Sends to a topic: `https://ntfy.sh/TOPIC`, with `USER:PASSWORD@` or `:TOKEN@` where the topic needs it. */
export function sendToNtfy(address: string) {
  const server = new URL(address);
  const topic = server.pathname.slice(1);
  server.pathname = "/";
  return (message: Message) =>
    postJson(server.href, JSON.stringify(ntfyBody(message, topic)), { secrets: [topic] });
}
