import { describe, expect, test } from "vitest";
import type { Alert, Message } from "../../../app/alerts/alert.ts";
import { discordBody, escapeDiscord } from "../../../app/alerts/channels/discord.ts";
import { mailText } from "../../../app/alerts/channels/email.ts";
import { escapeGitHub } from "../../../app/alerts/channels/github-issue.ts";
import { escapeMrkdwn, slackBody } from "../../../app/alerts/channels/slack.ts";

const HOSTILE = [
  "<!channel> <@U012AB3CD> <https://evil.example.com|click me> &lt;",
  "@everyone @here [click](https://evil.example.com) `code` **bold** ||spoiler||",
  "@octocat @acme/admins #12 acme/site#12 GH-12 fixes #3 <img src=x onerror=alert(1)> ![](https://evil.example.com/x.png)",
  "Subject\r\nBcc: victim@example.com\u0000\u001b[31m\u202e",
].join(" ");

const alert = (changes: Partial<Alert> = {}): Alert => ({
  id: "alert_1",
  kind: "deployment_failed",
  state: "firing",
  subject: "production of acme/site",
  title: `Deployment failed: ${HOSTILE}`,
  since: "2026-11-23T18:00:00.000Z",
  at: "2026-11-23T18:00:01.000Z",
  cause: HOSTILE,
  effect: HOSTILE,
  remedy: HOSTILE,
  url: "https://deploy.example.com/deployments/dep_1",
  ...changes,
});
const message = (count = 1, changes: Partial<Alert> = {}): Message => ({
  id: "msg_1",
  alerts: Array.from({ length: count }, (_, index) => alert({ id: `alert_${index}`, ...changes })),
});

describe("foreign text in Slack", () => {
  test("mentions nobody, and makes no link", () => {
    const escaped = escapeMrkdwn(HOSTILE);
    expect(escaped).not.toMatch(/[<>]/);
    expect(escaped).toContain("&lt;!channel&gt;");
    expect(escaped).toContain("&amp;lt;");
    const { blocks } = slackBody(message()) as { blocks: { text: { text: string; verbatim: boolean } }[] };
    const links = [...(blocks[0]?.text.text.matchAll(/<[^>]*>/g) ?? [])].map(([link]) => link);
    expect(links).toEqual(["<https://deploy.example.com/deployments/dep_1|Open>"]);
    expect(blocks[0]?.text.verbatim).toBe(true);
  });

  test("is cut to what Slack takes", () => {
    const { blocks } = slackBody(message(40, { cause: "&".repeat(10_000) })) as {
      blocks: { text: { text: string } }[];
    };
    expect(blocks.length).toBeLessThanOrEqual(50);
    expect(blocks.at(-1)?.text.text).toBe("… and 30 more.");
    for (const { text } of blocks) expect(text.text.length).toBeLessThanOrEqual(3_000);
  });
});

describe("foreign text in Discord", () => {
  test("pings nobody, and formats nothing", () => {
    expect(escapeDiscord("@everyone **x** [a](https://b.example.com)")).toBe(
      "@\u200Beveryone \\*\\*x\\*\\* \\[a\\]\\(https\\:\u200B//b\\.example\\.com\\)",
    );
    const body = discordBody(message()) as { allowed_mentions: object; content: string };
    expect(body.allowed_mentions).toEqual({ parse: [] });
    expect(JSON.stringify(body)).not.toMatch(/@(everyone|here)/);
    expect(JSON.stringify(body)).not.toContain("https://evil");
  });

  test("is cut to what Discord takes", () => {
    for (const count of [1, 10, 40]) {
      const { embeds, content } = discordBody(message(count, { cause: "*".repeat(10_000) })) as {
        embeds: { title: string; description: string }[];
        content: string;
      };
      expect(embeds.length).toBeLessThanOrEqual(10);
      expect(content.length).toBeLessThanOrEqual(2_000);
      const all = embeds.map(({ title, description }) => title.length + description.length);
      expect(all.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(6_000);
      for (const { title } of embeds) expect(title.length).toBeLessThanOrEqual(256);
    }
  });
});

describe("foreign text in a mail", () => {
  test("adds no header, and no control character", () => {
    const { subject, text } = mailText(message());
    expect(subject).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(subject.length).toBeLessThanOrEqual(170);
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
  });
});

describe("foreign text in a GitHub issue", () => {
  test("mentions no person, team or issue, and formats nothing", () => {
    const escaped = escapeGitHub(HOSTILE);
    expect(escaped).not.toMatch(/@\w|#\d|GH-\d|https:\/\/|<(?!!)|[\r\n]/);
    expect(escaped).toContain("\\*\\*bold\\*\\*");
    expect(escaped).toContain("&lt;img");
  });

  test("begins no list, heading or quote", () => {
    expect(escapeGitHub("a\n\n# b\n- c\n> d")).not.toContain("\n");
  });
});
