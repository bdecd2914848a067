import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { runCommand } from "../../app/cli/program.ts";
import { configSchema } from "../../app/config/schema.ts";
import { RecordedTerminal } from "../helpers/recorded-terminal.ts";
import { temporaryDirectory } from "../helpers/stores.ts";

const SIGNED = {
  match: {
    type: "payload-hmac-sha256",
    secret: "the-secret",
    parameter: { source: "header", name: "X-Hub-Signature-256" },
  },
};
const ofRef = (type: "value" | "regex", text: string) => ({
  match: { type, [type]: text, parameter: { source: "payload", name: "ref" } },
});
const HOOK = { id: "site", "execute-command": "/srv/site/deploy.sh" };

async function convert(hooks: unknown, ...args: string[]) {
  const file = join(temporaryDirectory(), "hooks.json");
  writeFileSync(file, typeof hooks === "string" ? hooks : JSON.stringify(hooks));
  const terminal = new RecordedTerminal({});
  const code = await runCommand(["convert", file, ...args], terminal);
  return { code, terminal, file };
}

interface Result {
  targets: Record<string, unknown>[];
  left_out: { hook: string; what: string; instead: string }[];
  assumed: string[];
}

async function result(hook: object, ...args: string[]): Promise<Result> {
  const hooks = [{ ...HOOK, ...hook }];
  const { code, terminal } = await convert(hooks, "--json", "--repository", "acme/site", ...args);
  expect([code, terminal.err]).toEqual([0, ""]);
  return terminal.json as Result;
}
const withRule = (rule: object) => result({ "trigger-rule": rule });
const refsOf = async (rule: object) => (await withRule(rule)).targets[0]?.refs;

test("the hook of the documentation becomes the target that stands below it", async () => {
  const file = resolve(import.meta.dirname, "../../docs/how-to/migrate-from-adnanh-webhook.md");
  const page = readFileSync(file, "utf8");
  const [, hooks = ""] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const [, targets = ""] = /becomes[\s\S]*?```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  const { terminal } = await convert(hooks, "--repository", "acme/site");
  expect(parse(terminal.out)).toEqual(parse(targets));
  const said = [...page.matchAll(/^((?:left out|assumed): .*)$/gm)].map(([line]) => line);
  expect(terminal.err.trim().split("\n")).toEqual(said);
});

test("what it prints is a list of targets of the right shape", async () => {
  const { terminal } = await convert([HOOK], "--repository", "acme/site");
  const instances = [{ name: "a", url: "https://a.example.com", listen: "127.0.0.1:1" }];
  expect(configSchema.safeParse({ instances, ...parse(terminal.out) }).error).toBeUndefined();
});

test("hooks in YAML are read as those in JSON", async () => {
  const { terminal } = await convert(stringify([HOOK]), "--repository", "acme/site", "--json");
  expect(terminal.json).toEqual(await result({}));
});

test("a signature is always checked, so its rule is not left out, and its secret not printed", async () => {
  const { terminal } = await convert([{ ...HOOK, "trigger-rule": SIGNED }], "--repository", "acme/site");
  expect(terminal.err).not.toContain("left out");
  expect(terminal.out + terminal.err).not.toContain("the-secret");
});

test.each([
  ["value", "refs/heads/dev", ["refs/heads/dev"]],
  ["regex", "^refs/heads/release/.*$", ["refs/heads/release/**"]],
  ["regex", "^refs/tags/v[^/]*$", ["refs/tags/v*"]],
  ["regex", "refs/tags/", ["refs/tags/**"]],
] as const)("a ref's %s %s becomes the refs %j", async (type, text, refs) => {
  expect(await refsOf(ofRef(type, text))).toEqual(refs);
});

test.each([["^refs/tags/v\\d+$"], ["^refs/heads/(main|dev)$"], ["main"], ["^refs/heads/v.1$"]])(
  "the regular expression %s, which no pattern can express, is left out by name",
  async (regex) => {
    expect((await withRule(ofRef("regex", regex))).left_out).toMatchObject([
      { hook: "site", what: "trigger-rule: regex of payload ref" },
    ]);
  },
);

test("a choice of refs becomes a list, whether GitHub's ping is among the choices or not", async () => {
  const parameter = { source: "header", name: "X-GitHub-Event" };
  const ping = { match: { type: "value", value: "ping", parameter } };
  const or = [ofRef("value", "refs/heads/main"), ofRef("value", "refs/heads/dev"), ping];
  expect(await refsOf({ and: [SIGNED, { or }] })).toEqual(["refs/heads/main", "refs/heads/dev"]);
});

test.each([
  ["not (value of payload ref)", { not: ofRef("value", "refs/heads/dev") }],
  ["ip-whitelist", { match: { type: "ip-whitelist", "ip-range": "192.0.2.0/24" } }],
  [
    "value of header X-Gitlab-Token",
    { match: { type: "value", value: "hush", parameter: { source: "header", name: "X-Gitlab-Token" } } },
  ],
  [
    "or (payload-hmac-sha256 of header X-Hub-Signature-256, value of payload ref)",
    { or: [SIGNED, ofRef("value", "refs/heads/dev")] },
  ],
])("the rule %s is left out by name, without its values", async (what, rule) => {
  const { left_out } = await withRule({ and: [SIGNED, rule] });
  expect(left_out).toEqual([{ hook: "site", what: `trigger-rule: ${what}`, instead: expect.any(String) }]);
});

test("of two rules that exclude each other the second one is left out by name", async () => {
  const and = [ofRef("value", "refs/heads/a"), ofRef("value", "refs/heads/b")];
  const { left_out } = await withRule({ and });
  expect(left_out).toHaveLength(1);
});

test("fixed arguments and variables stay, and those of the request are named with what to read instead", async () => {
  const { targets, left_out } = await result({
    "pass-arguments-to-command": [
      { source: "string", name: "--now" },
      { source: "payload", name: "head_commit.id" },
    ],
    "pass-environment-to-command": [
      { source: "string", envname: "STAGE", name: "live" },
      { source: "payload", name: "pusher.name" },
    ],
  });
  expect(targets).toMatchObject([{ run: ["/srv/site/deploy.sh", "--now"], env: { STAGE: "live" } }]);
  expect(left_out.map(({ what, instead }) => `${what}: ${instead}`)).toEqual([
    expect.stringMatching(/head_commit\.id: .*TWINHOOK_SHA/),
    expect.stringMatching(/pusher\.name: .*`payload`/),
  ]);
});

test("a relative command is looked for in the working directory, as adnanh/webhook does", async () => {
  const { targets } = await result({
    "execute-command": "deploy.sh",
    "command-working-directory": "/srv/site",
  });
  expect(targets).toMatchObject([{ run: ["/srv/site/deploy.sh"], directory: "/srv/site" }]);
});

test("every other key of a hook is left out by name, also one that nobody knows", async () => {
  const { left_out } = await result({ "response-message": "ok", "http-methods": ["POST"], odd: 1 });
  expect(left_out.map(({ what }) => what)).toEqual(["response-message", "http-methods", "odd"]);
});

test("without a repository it ends as a wrong command line, and prints no target", async () => {
  const { code, terminal } = await convert([HOOK]);
  expect([code, terminal.out]).toEqual([2, ""]);
  expect(terminal.err).toContain("no rule of site names its repository; give it by --repository");
});

test.each([["{"], ["[]"], [[{ id: "site" }]], ["id: {{ getenv `X` }}"]])(
  "what is no list of hooks fails: %j",
  async (content) => {
    const { code, terminal } = await convert(content);
    expect([code, terminal.out]).toEqual([1, ""]);
  },
);

const EXAMPLE = "/usr/share/doc/webhook/hooks.json.example";
test.skipIf(!existsSync(EXAMPLE))("the example of adnanh/webhook becomes a target", async () => {
  const text = readFileSync(EXAMPLE, "utf8");
  const { code, terminal } = await convert(text, "--json", "--repository", "adnanh/webhook");
  expect(code).toBe(0);
  expect(terminal.json).toMatchObject({
    targets: [{ name: "webhook", refs: ["refs/heads/master"], directory: "/home/adnan/go" }],
    left_out: [
      ...["head_commit.id", "pusher.name", "pusher.email"].map((name) => ({
        what: `pass-arguments-to-command: payload ${name}`,
      })),
      { what: "response-message" },
      { what: "response-headers" },
    ],
  });
});
