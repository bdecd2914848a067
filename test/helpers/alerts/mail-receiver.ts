import { SMTPServer } from "smtp-server";
import { atTestEnd } from "../at-test-end.ts";
import { freePort } from "../free-ports.ts";
import { Arrived } from "./arrived.ts";

/** A mail as it came: its envelope, and header and text as sent. */
export interface Mail {
  from: string;
  to: string[];
  source: string;
  /** The text, decoded. */
  text: string;
}

export const MAIL_USER = "twinhook";
export const MAIL_PASSWORD = "mail-password-of-the-test";

/** A mail server of the test's own. */
export class MailReceiver {
  readonly mails = new Arrived<Mail>();
  #port = 0;
  #server: SMTPServer | undefined;

  static async start(): Promise<MailReceiver> {
    const receiver = new MailReceiver();
    await receiver.comeUp();
    atTestEnd(() => receiver.goDown());
    return receiver;
  }

  /** Holds the password, as the variable of an instance does. */
  get url(): string {
    return `smtp://${MAIL_USER}:${MAIL_PASSWORD}@127.0.0.1:${this.#port}`;
  }

  async goDown(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async comeUp(): Promise<void> {
    this.#port ||= await freePort();
    const server = new SMTPServer({
      disabledCommands: ["STARTTLS"],
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, done) => {
        const known = username === MAIL_USER && password === MAIL_PASSWORD;
        done(known ? null : new Error("unknown user"), known ? { user: username } : undefined);
      },
      onData: (stream, { envelope }, done) => {
        let source = "";
        stream.setEncoding("utf8");
        stream.on("data", (chunk: string) => {
          source += chunk;
        });
        stream.on("end", () => {
          const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
          const to = envelope.rcptTo.map(({ address }) => address);
          this.mails.add({ from, to, source, text: decodedText(source) });
          done();
        });
      },
    });
    server.on("error", () => {});
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", () => resolve()));
    this.#server = server;
  }
}

/** The text of a mail of one part. */
function decodedText(source: string): string {
  const [head = "", ...rest] = source.split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  if (/content-transfer-encoding: *base64/i.test(head)) return Buffer.from(body, "base64").toString("utf8");
  if (!/content-transfer-encoding: *quoted-printable/i.test(head)) return body;
  const bytes = body
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
