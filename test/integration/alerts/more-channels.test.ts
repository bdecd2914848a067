import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Alert, Message } from "../../../app/alerts/alert.ts";
import { channelsOf } from "../../../app/alerts/channels/channels.ts";
import type { SendError } from "../../../app/alerts/send-error.ts";
import { configSchema } from "../../../app/config/schema.ts";
import { alertsOfHostAreDueAtOnce } from "../../helpers/alerts/due-at-once.ts";
import { HttpReceiver, type Post } from "../../helpers/alerts/http-receiver.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const BOT = "123456:secret-of-the-bot";
const HOSTILE =
  "<!channel> @everyone [click](https://evil.example.com) www.evil.example.com <b>x</b> #12 {{DATE(1)}} \u0000\u202e";
const TYPES = ["telegram", "ntfy", "teams", "apprise"] as const;
type Type = (typeof TYPES)[number];

const addresses = (base: (path: string) => string) => ({
  TELEGRAM_URL: base(`/bot${BOT}`),
  NTFY_URL: base("/secret-topic").replace("://", "://ops:secret-password@"),
  TEAMS_URL: base("/workflows/secret-of-teams?sig=secret-signature"),
  APPRISE_URL: base("/notify/secret-key"),
});
const channel = (type: Type, kinds?: string[]) => ({
  type,
  url_env: `${type.toUpperCase()}_URL`,
  ...(type === "telegram" && { chat_id: -100123 }),
  ...(kinds && { kinds }),
});
/** Where each channel posts. */
const PATHS: Record<Type, string> = {
  telegram: `/bot${BOT}/sendMessage`,
  ntfy: "/",
  teams: "/workflows/secret-of-teams?sig=secret-signature",
  apprise: "/notify/secret-key",
};
/** What an answer must not bring into an error. */
const OWN_SECRETS: Record<Type, string> = {
  telegram: `${BOT} secret-of-the-bot`,
  ntfy: "secret-topic secret-password",
  teams: "secret-of-teams secret-signature",
  apprise: "secret-key",
};
const isFor = (type: Type) => (post: Post) => post.path === PATHS[type];

describe("an instance", () => {
  let github: GitHub;
  let host: TestHost;
  beforeAll(async () => {
    github = await startGitHub();
    github.addRepository("acme/site");
  });
  afterAll(async () => {
    await host?.close();
    await github.close();
  });

  it("sends a test to each channel, and successes only where they are asked for", async () => {
    const receiver = await HttpReceiver.start();
    host = await TestHost.create({
      github,
      instances: ["primary"],
      config: {
        alerts: TYPES.map((type) => channel(type, type === "ntfy" ? ["deployment_succeeded"] : undefined)),
      },
      env: addresses((path) => receiver.url(path)),
    });
    await host.startInProcess("primary");
    await alertsOfHostAreDueAtOnce(host);
    const wanted = { repository: "acme/site", environment: "production", sha: "a".repeat(40) };
    await host.admin("primary", "POST", "/api/deployments", wanted);
    const success = await receiver.posts.first(isFor("ntfy"));
    expect(JSON.parse(success.text)).toMatchObject({
      topic: "secret-topic",
      title: "🟢 Deployed: production of acme/site",
      message: expect.stringMatching(/^Since: .*\nCause: .* at a{12}.* succeeded\.\n/),
      click: expect.stringContaining("/deployments/dep_"),
      priority: 3,
    });
    expect(success.headers.authorization).toBe(`Basic ${btoa("ops:secret-password")}`);

    const asked = await host.admin("primary", "POST", "/api/alerts/test");
    expect(await asked.json()).toEqual({
      channels: ["telegram TELEGRAM_URL -100123", "ntfy NTFY_URL", "teams TEAMS_URL", "apprise APPRISE_URL"],
    });
    const bodies = await Promise.all(
      TYPES.map(
        async (type) =>
          (await receiver.posts.first((post) => isFor(type)(post) && /test alert/.test(post.text))).text,
      ),
    );
    const [telegram, ntfy, teams, apprise] = bodies.map((text) => JSON.parse(text));
    expect(telegram).toEqual({
      chat_id: "-100123",
      text: expect.stringMatching(
        /^🟡 <b>This is a test alert<\/b>\n[\s\S]*<b>Cause:<\/b> admin token asked for it.\n[\s\S]*">Open<\/a>$/,
      ),
      parse_mode: "HTML",
      link_preview_options: { is_disabled: true },
    });
    expect(ntfy).toMatchObject({
      title: "🟡 This is a test alert",
      message: expect.stringContaining("Cause: admin"),
    });
    const [{ contentType, content }] = teams.attachments;
    expect([teams.type, contentType, content.type]).toEqual([
      "message",
      "application/vnd.microsoft.card.adaptive",
      "AdaptiveCard",
    ]);
    expect(JSON.stringify(content.body)).toContain('"type":"TextRun","text":"🟡 This is a test alert"');
    expect(apprise).toMatchObject({
      title: "🟡 This is a test alert",
      body: expect.stringContaining("Cause: admin token"),
      type: "warning",
      format: "text",
    });
    for (const type of ["telegram", "teams", "apprise"] as const)
      expect(receiver.posts.all.some((post) => isFor(type)(post) && post.text.includes("Deployed"))).toBe(
        false,
      );
  });
});

describe.each(TYPES)("a message to %s", (type) => {
  const setup = async () => {
    const receiver = await HttpReceiver.start();
    const { alerts } = configSchema.parse({
      instances: [{ name: "a", url: "https://a.example.com", listen: "127.0.0.1:1" }],
      alerts: [channel(type)],
    });
    const [made] = channelsOf(
      alerts,
      addresses((path) => receiver.url(path)),
      undefined as never,
    );
    const send = (message: Message) => made?.send(message) ?? Promise.reject(new Error("no channel"));
    return {
      receiver,
      send,
      failure: () =>
        send(message()).then(
          () => undefined,
          (error: SendError) => error,
        ),
    };
  };
  const alert = (cause: string): Alert => ({
    id: "alert_1",
    kind: "deployment_failed",
    state: "firing",
    subject: "x",
    title: `Deployment failed: ${cause}`,
    since: "2026-11-23T18:00:00.000Z",
    at: "2026-11-23T18:00:01.000Z",
    cause,
    effect: cause,
    remedy: cause,
    url: "https://deploy.example.com/deployments/dep_1",
  });
  const message = (count = 1, cause = "exit code 1"): Message => ({
    id: "msg_1",
    alerts: Array.from({ length: count }, () => alert(cause)),
  });

  it("is cut to what the service takes, and says how many alerts it leaves out", async () => {
    const { receiver, send } = await setup();
    for (const count of [1, 10, 40]) await send(message(count, "&é🔥".repeat(500)));
    for (const { text } of receiver.posts.all) {
      const body = JSON.parse(text);
      if (type === "telegram") expect(body.text.length).toBeLessThanOrEqual(4_096);
      if (type === "ntfy") expect(Buffer.byteLength(body.message)).toBeLessThanOrEqual(4_096);
      if (type === "teams") expect(Buffer.byteLength(text)).toBeLessThanOrEqual(28_000);
      if (type === "apprise") expect(body.body.length).toBeLessThanOrEqual(4_000);
      // Half a character would be written as an escape.
      expect(text).not.toMatch(/\\ud[89a-f]/i);
    }
    expect(receiver.posts.all.at(-1)?.text).toMatch(/… and 3\d more/);
  });

  it("mentions nobody, makes no link of foreign text, and formats nothing by it", async () => {
    const { receiver, send } = await setup();
    await send(message(2, HOSTILE));
    const { text } = receiver.posts.all[0] as Post;
    expect(text).toContain("evil");
    expect(text).not.toMatch(
      /@everyone|<!channel|https:\/\/evil|evil\.example|\]\(|<b>x|#12|\{\{DATE|\\u0000|\u202e/,
    );
  });

  it("that is refused names no secret, and waits as long as the service asks", async () => {
    const { receiver, failure } = await setup();
    const body = (path: string) =>
      JSON.stringify({ said: `${path} ${OWN_SECRETS[type]}`, parameters: { retry_after: 7 } });
    receiver.answer = { status: 429, body, headers: { "retry-after": "7" } };
    const refused = await failure();
    expect(refused?.message).toMatch(/^it answered 429: \{"said":".*…/);
    expect(refused?.message).not.toMatch(/secret/);
    expect([refused?.retryAfterMs, refused?.unacceptable]).toEqual([7_000, false]);
    receiver.answer = { status: 413 };
    expect(await failure()).toMatchObject({ unacceptable: true, message: "it answered 413" });
    await receiver.goDown();
    expect((await failure())?.message).toMatch(/^it cannot be reached \(\w+\)$/);
  });
});

it("Telegram's own pause counts where the header is missing, and Apprise's 204 is no success", async () => {
  const receiver = await HttpReceiver.start();
  const { alerts } = configSchema.parse({
    instances: [{ name: "a", url: "https://a.example.com", listen: "127.0.0.1:1" }],
    alerts: [channel("telegram"), channel("apprise")],
  });
  const [telegram, apprise] = channelsOf(
    alerts,
    addresses((path) => receiver.url(path)),
    undefined as never,
  );
  const message = { id: "msg_1", alerts: [] };
  const body = () => '{"ok":false,"error_code":429,"parameters":{"retry_after":34}}';
  receiver.answer = { status: 429, body };
  await expect(telegram?.send(message)).rejects.toMatchObject({ retryAfterMs: 34_000 });
  receiver.answer = { status: 204 };
  await expect(apprise?.send(message)).rejects.toThrow(/^it answered 204: it has no service to notify; save/);
});
