import type { Options } from "nodemailer/lib/smtp-transport/index.js";
import type { Message } from "../alert.ts";
import { printable, withoutSecrets } from "../post-json.ts";
import { SendError } from "../send-error.ts";
import { headline, partsOf } from "./channel.ts";

/** The time limit of each step of sending a mail. */
const LIMITS = { connectionTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 8_000, dnsTimeout: 5_000 };
const MAX_SUBJECT = 150;

/** A mail's subject and its plain text. Plain text needs no escaping. */
export function mailText(message: Message): { subject: string; text: string } {
  return {
    subject: `Twinhook: ${printable(headline(message)).slice(0, MAX_SUBJECT)}`,
    text: message.alerts
      .map((alert) =>
        [
          printable(alert.title),
          "",
          ...partsOf(alert).map(([name, text]) => `${name}: ${printable(text)}`),
          "",
          alert.url,
        ].join("\n"),
      )
      .join("\n\n-----\n\n"),
  };
}

/** Sends mails through the server of an `smtp:` or `smtps:` URL. */
export function sendByEmail(url: string, { from, to }: { from: string; to: readonly string[] }) {
  const { hostname, username, password } = new URL(url);
  const secrets = [url, decodeURIComponent(password), password, decodeURIComponent(username)];
  return async (message: Message): Promise<void> => {
    const { createTransport } = await import("nodemailer");
    // One connection for each message: the server may close an idle one.
    const transport = createTransport({
      url,
      ...LIMITS,
      disableFileAccess: true,
      disableUrlAccess: true,
    } as Options);
    try {
      await transport.sendMail({
        from: { name: "Twinhook", address: from },
        to: [...to],
        // The same when the mail is sent again, so that a mailbox shows one.
        messageId: `<${message.id}@${hostname}>`,
        headers: { "Auto-Submitted": "auto-generated" },
        ...mailText(message),
      });
    } catch (error) {
      const { code, response } = error as { code?: string; response?: string };
      const said =
        response === undefined ? "" : `: ${withoutSecrets(printable(response), secrets).slice(0, 200)}`;
      throw new SendError(`the mail server did not take it (${code ?? "no answer"})${said}`);
    } finally {
      transport.close();
    }
  };
}
