import { describe, expect, test } from "vitest";
import { ALERT_KINDS } from "../../../app/config/alert-kinds.ts";
import { ConfigFile, content, DELIVERY_SECRET } from "./config-file.ts";

const ENV = {
  SLACK_WEBHOOK_URL: "https://hooks.slack.com/services/T0/B0/secret",
  ALERT_URL: "https://alerts.example.com/in",
  ALERT_SECRET: DELIVERY_SECRET,
  SMTP_URL: "smtps://user:password@mail.example.com",
  PLAIN: "not an address",
};
const SLACK = { type: "slack", url_env: "SLACK_WEBHOOK_URL" };
const messages = (alert: object, env: Record<string, string> = ENV) =>
  new ConfigFile(content({ alerts: [alert] }), env).messages();

describe("alerts", () => {
  test("are configured by what each type needs, and are of every kind unless some are named", () => {
    const { alerts, dead_mans_switch } = new ConfigFile(
      content({
        alerts: [
          SLACK,
          { type: "webhook", url_env: "ALERT_URL", secret_env: "ALERT_SECRET", kinds: ["catch_up"] },
          { type: "email", url_env: "SMTP_URL", from: "a@example.com", to: ["b@example.com"] },
          { type: "github_issue", repository: "acme/ops" },
        ],
        dead_mans_switch: { url_env: "ALERT_URL" },
      }),
      ENV,
    ).load();
    expect(alerts[0]?.kinds).toEqual(ALERT_KINDS);
    expect(alerts[1]?.kinds).toEqual(["catch_up"]);
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
    expect(found[0]).not.toMatch(/hooks\.slack|not an address|password@/);
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
