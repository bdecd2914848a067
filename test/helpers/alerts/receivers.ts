import { checkDelivery } from "../../../shared/delivery-signature.ts";
import { HttpReceiver, type Post } from "./http-receiver.ts";
import { type Mail, MailReceiver } from "./mail-receiver.ts";

export const ALERT_SECRET = `whsec_${Buffer.from("the secret that alerts are signed with").toString("base64")}`;

/** An alert as the generic webhook carries it. */
export interface SentAlert {
  id: string;
  kind: string;
  state: string;
  subject: string;
  title: string;
  since: string;
  cause: string;
  effect: string;
  remedy: string;
  url: string;
}

/** A receiver of each type, and the configuration that names them all. */
export class Receivers {
  readonly http: HttpReceiver;
  readonly mail: MailReceiver;

  private constructor(http: HttpReceiver, mail: MailReceiver) {
    this.http = http;
    this.mail = mail;
  }

  static async start(): Promise<Receivers> {
    return new Receivers(await HttpReceiver.start(), await MailReceiver.start());
  }

  /** The variables that hold addresses and secrets. */
  get env(): Record<string, string> {
    return {
      SLACK_WEBHOOK_URL: this.http.url("/slack/T0/secret-of-slack"),
      DISCORD_WEBHOOK_URL: this.http.url("/discord/secret-of-discord"),
      ALERT_WEBHOOK_URL: this.http.url("/hook/secret-of-hook"),
      ALERT_WEBHOOK_SECRET: ALERT_SECRET,
      SMTP_URL: this.mail.url,
      DEAD_MANS_URL: this.http.url("/ping/secret-of-ping"),
    };
  }

  readonly alerts = [
    { type: "slack", url_env: "SLACK_WEBHOOK_URL" },
    { type: "discord", url_env: "DISCORD_WEBHOOK_URL" },
    { type: "webhook", url_env: "ALERT_WEBHOOK_URL", secret_env: "ALERT_WEBHOOK_SECRET" },
    { type: "email", url_env: "SMTP_URL", from: "twinhook@example.com", to: ["ops@example.com"] },
    { type: "github_issue", repository: "acme/site" },
  ];

  /** What was posted to the receiver of this type and taken by it, oldest first. */
  taken(type: "slack" | "discord" | "hook" | "ping"): Post[] {
    return this.http.posts.all.filter(({ path, status }) => path.startsWith(`/${type}/`) && isTaken(status));
  }

  /** Every alert that the generic webhook took, oldest first; each is checked for its signature. */
  alertsTaken(): SentAlert[] {
    return this.taken("hook").flatMap(alertsIn);
  }

  /** Resolves with the first alert that the generic webhook takes and `wanted` accepts. */
  async alert(wanted: (alert: SentAlert) => boolean): Promise<SentAlert> {
    const fits = (post: Post) =>
      post.path.startsWith("/hook/") && isTaken(post.status) && alertsIn(post).some(wanted);
    const post = await this.http.posts.first(fits);
    return alertsIn(post).find(wanted) as SentAlert;
  }

  /** Resolves once a mail with this in its text or header has come. */
  mailWith(text: string): Promise<Mail> {
    return this.mail.mails.first((mail) => `${mail.source}\n${mail.text}`.includes(text));
  }
}

function isTaken(status: number | null): boolean {
  return status !== null && status < 300;
}

function alertsIn({ text, headers }: Post): SentAlert[] {
  const signed = Object.fromEntries(
    ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => [name, String(headers[name])]),
  );
  const wrong = checkDelivery(ALERT_SECRET, text, signed);
  if (wrong) throw new Error(`an alert is not signed: ${wrong}`);
  return (JSON.parse(text) as { data: { alerts: SentAlert[] } }).data.alerts;
}
