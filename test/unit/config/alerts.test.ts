import { describe, expect, test } from "vitest";
import { ALERT_KINDS, DEFAULT_KINDS } from "../../../app/config/alert-kinds.ts";
import { ConfigFile, content, DELIVERY_SECRET } from "./config-file.ts";

const ENV = {
  SLACK_WEBHOOK_URL: "https://hooks.slack.com/services/T0/B0/secret",
  ALERT_URL: "https://alerts.example.com/in",
  ALERT_SECRET: DELIVERY_SECRET,
  SMTP_URL: "smtps://user:password@mail.example.com",
  PLAIN: "not an address",
  TELEGRAM_URL: "https://api.telegram.org/bot654321:XYZ-def",
  CONNECTOR_URL: "https://acme.webhook.office.com/webhookb2/secret",
};
const SLACK = { type: "slack", url_env: "SLACK_WEBHOOK_URL" };
const messages = (alert: object, env: Record<string, string> = ENV) =>
  new ConfigFile(content({ alerts: [alert] }), env).messages();

describe("alerts", () => {
  test("are configured by what each type needs, and are of every kind but successes unless some are named", () => {
    const { alerts, dead_mans_switch } = new ConfigFile(
      content({
        alerts: [
          SLACK,
          { type: "webhook", url_env: "ALERT_URL", secret_env: "ALERT_SECRET", kinds: ["catch_up"] },
          { type: "email", url_env: "SMTP_URL", from: "a@example.com", to: ["b@example.com"] },
          { type: "github_issue", repository: "acme/ops" },
          { type: "telegram", url_env: "TELEGRAM_URL", chat_id: -1001234567890 },
          { type: "telegram", url_env: "TELEGRAM_URL", chat_id: "@acme_ops" },
        ],
        dead_mans_switch: { url_env: "ALERT_URL" },
      }),
      ENV,
    ).load();
    expect(alerts[0]?.kinds).toEqual(DEFAULT_KINDS);
    expect(ALERT_KINDS.filter((kind) => !DEFAULT_KINDS.includes(kind))).toEqual(["deployment_succeeded"]);
    expect(alerts[1]?.kinds).toEqual(["catch_up"]);
    expect(alerts.map(({ chat_id }) => chat_id).slice(-2)).toEqual(["-1001234567890", "@acme_ops"]);
    expect(dead_mans_switch).toEqual({ url_env: "ALERT_URL", interval: 60_000 });
  });

  test.each<[string, object, string]>([
    [
      "a type without its address",
      { type: "discord" },
      "url_env: expected url_env, which discord needs, got nothing",
    ],
    [
      "a webhook that would not be signed",
      { type: "webhook", url_env: "ALERT_URL" },
      "secret_env: expected secret_env, which webhook needs",
    ],
    [
      "a key of another type",
      { ...SLACK, to: ["a@example.com"] },
      "to: expected only url_env and kinds with slack, got to",
    ],
    [
      "a variable that is not set",
      { ...SLACK, url_env: "MISSING" },
      "expected the variable MISSING to be set, got nothing",
    ],
    [
      "a variable without an address",
      { ...SLACK, url_env: "PLAIN" },
      "expected in PLAIN an address such as https://…",
    ],
    [
      "a mail server by its website",
      { type: "email", url_env: "ALERT_URL", from: "a@example.com", to: ["b@example.com"] },
      "expected in ALERT_URL an address such as smtps://USER:PASSWORD@HOST",
    ],
    [
      "a secret that is none",
      { type: "webhook", url_env: "ALERT_URL", secret_env: "PLAIN" },
      "secret_env: expected in PLAIN whsec_ followed by base64",
    ],
    [
      "Telegram without a chat",
      { type: "telegram", url_env: "TELEGRAM_URL" },
      "chat_id: expected chat_id, which telegram needs, got nothing",
    ],
    [
      "the name of a Telegram channel without its @",
      { type: "telegram", url_env: "TELEGRAM_URL", chat_id: "acme_ops" },
      "chat_id: expected the id of a chat",
    ],
    [
      "a bot of Telegram without its token",
      { type: "telegram", url_env: "ALERT_URL", chat_id: 1 },
      "expected in ALERT_URL an address such as https://api.telegram.org/botTOKEN, got something else; @BotFather",
    ],
    [
      "a topic of ntfy that is none",
      { type: "ntfy", url_env: "TELEGRAM_URL" },
      "expected in TELEGRAM_URL an address such as https://ntfy.sh/TOPIC",
    ],
    [
      "a connector of Teams, which is retired",
      { type: "teams", url_env: "CONNECTOR_URL" },
      "expected in CONNECTOR_URL an address such as https://…, the address of a workflow, got something else; Microsoft has retired",
    ],
    [
      "an Apprise server without its path",
      { type: "apprise", url_env: "ALERT_URL" },
      "expected in ALERT_URL an address such as http://apprise:8000/notify/KEY",
    ],
    ["an unknown kind", { ...SLACK, kinds: ["fail_over"] }, "kinds[0]: expected failover or instance_lost"],
    [
      "a sender that would break a header",
      {
        type: "email",
        url_env: "SMTP_URL",
        from: "a@example.com\nBcc: b@example.com",
        to: ["b@example.com"],
      },
      "from: expected a mail address",
    ],
  ])("refuse %s", (_, alert, expected) => {
    const found = messages(alert);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
    expect(found[0]).not.toMatch(/hooks\.slack|not an address|password@|654321:XYZ|webhookb2/);
  });

  test("refuse one channel twice", () => {
    const found = new ConfigFile(
      content({ alerts: [SLACK, { ...SLACK, kinds: ["failover"] }] }),
      ENV,
    ).messages();
    expect(found).toEqual([
      expect.stringContaining("expected every channel once, got the same as alerts[0]"),
    ]);
  });

  test("refuse a dead man's switch without an address", () => {
    const found = new ConfigFile(
      content({ dead_mans_switch: { url_env: "MISSING", interval: "30s" } }),
    ).messages();
    expect(found).toEqual([
      expect.stringContaining("dead_mans_switch.url_env: expected the variable MISSING to be set"),
    ]);
  });
});
