import { describe, expect, test } from "vitest";
import { ABSENT, BACKUP, ConfigFile, content, PRIMARY, withInstances, withTarget } from "./config-file.ts";

test("a minimal file is enough", () => {
  const config = new ConfigFile(content()).load();
  expect(config.instances.map(({ name }) => name)).toEqual(["primary", "backup"]);
  expect(config.failover.health_check_interval).toBe(500);
  expect(config.targets[0]).toMatchObject({
    name: "production",
    timeout: 900_000,
    refs: ["refs/heads/main"],
  });
});

test("branches are the short form of refs, and Actions may ask on the same refs", () => {
  const [target] = new ConfigFile(withTarget({ branches: ["main", "release/1"] })).load().targets;
  const refs = ["refs/heads/main", "refs/heads/release/1"];
  expect(target).toMatchObject({ refs, action: { refs } });
});

test("targets may be missing, so that an App can be set up before anything is deployed", () => {
  expect(new ConfigFile(content({ targets: ABSENT })).load().targets).toEqual([]);
});

test("a problem names file, line, key, what was expected, what was found, and the remedy", () => {
  const file = new ConfigFile(
    [
      "instances:",
      `  - ${JSON.stringify(PRIMARY)}`,
      `  - ${JSON.stringify(BACKUP)}`,
      "failover:",
      "  # a comment",
      "  window: 60",
    ].join("\n"),
  );
  expect(file.problems()).toEqual([
    {
      file: file.name,
      line: 6,
      key: "failover.window",
      expected: 'a number with a unit (ms, s, m, h, d), such as "500ms", "5s" or "10m"',
      got: "60",
      remedy: 'a bare number has no unit: write "60s" for seconds, or "60ms"',
    },
  ]);
});

test("everything that is wrong is reported at once, from the top of the file to its end, then the environment", () => {
  const file = new ConfigFile(
    {
      ...withTarget({ timeout: 15, queue: "newest", directory: "site" }),
      stroe: "sqlite:x",
      retry: { jitter: 1 },
    },
    { LOG_LEVEL: "loud", WEBHOOK_SECRET: "" },
  );
  expect(file.problems().map(({ key }) => key)).toEqual([
    "targets[0].timeout",
    "targets[0].queue",
    "stroe",
    "retry.jitter",
    "LOG_LEVEL",
    "WEBHOOK_SECRET",
  ]);
});

describe("values of the wrong shape", () => {
  test.each<[string, Record<string, unknown>, string]>([
    [
      "a number for text",
      withTarget({ environment: 5 }),
      "targets[0].environment: expected a string, got 5; write it in quotes",
    ],
    [
      "text for a number",
      content({ retry: { multiplier: "2" } }),
      'retry.multiplier: expected a number, got "2"',
    ],
    [
      "text for a list",
      withTarget({ run: "./deploy.sh" }),
      'targets[0].run: expected a list, got "./deploy.sh"',
    ],
    [
      "a list for a map",
      content({ failover: ["x"] }),
      "failover: expected a map of keys and values, got a list of 1",
    ],
    ["a map for a list", content({ targets: { a: 1 } }), "targets: expected a list, got a map of a"],
    [
      "nothing for a map",
      content({ retry: null }),
      "retry: expected a map of keys and values, got nothing; write a value, or remove retry",
    ],
    [
      "text for a flag",
      withTarget({ share_log: "yes" }),
      'targets[0].share_log: expected true or false, got "yes"',
    ],
    [
      "an unknown word",
      withTarget({ queue: "newest" }),
      'targets[0].queue: expected latest or all, got "newest"',
    ],
    [
      "a fraction for a count",
      content({ retry: { max_attempts: 1.5 } }),
      "retry.max_attempts: expected a whole number from 1 on, got 1.5",
    ],
    [
      "zero for a count",
      content({ retry: { max_attempts: 0 } }),
      "retry.max_attempts: expected a whole number from 1 on, got 0",
    ],
    [
      "too small a factor",
      content({ retry: { multiplier: 0.5 } }),
      "retry.multiplier: expected at least 1, got 0.5",
    ],
    [
      "more than all",
      content({ failover: { min_success_rate: 101 } }),
      "failover.min_success_rate: expected a number from 0 to 100, got 101",
    ],
    [
      "a window that would hold too much to be looked at all the time",
      content({ failover: { window: "24h" } }),
      'failover.window: expected a duration from 10s to 10m, got "24h"',
    ],
    [
      "no unit, in quotes",
      withTarget({ timeout: "15" }),
      'targets[0].timeout: expected a number with a unit (ms, s, m, h, d), such as "500ms", "5s" or "10m", got "15"',
    ],
    [
      "no time at all",
      withTarget({ timeout: "0s" }),
      'targets[0].timeout: expected a duration from 1ms to 24d, got "0s"',
    ],
    [
      "longer than a timer can be",
      withTarget({ timeout: "30d" }),
      'targets[0].timeout: expected a duration from 1ms to 24d, got "30d"',
    ],
    [
      "records that are kept for less time than GitHub may send them again",
      content({ retention: { deliveries: "7d" } }),
      'retention.deliveries: expected a duration from 8d to 3650d, got "7d"',
    ],
    [
      "deployments that are kept for less time than their runs can be run again",
      content({ retention: { deployments: "30d" } }),
      'retention.deployments: expected a duration from 35d to 3650d, got "30d"',
    ],
    [
      "an empty list",
      withTarget({ run: [] }),
      "targets[0].run: expected a list that is not empty, got an empty list",
    ],
    [
      "empty text",
      withTarget({ environment: "" }),
      'targets[0].environment: expected text that is not empty, got ""',
    ],
    [
      "long text",
      withTarget({ environment: "x".repeat(256) }),
      "targets[0].environment: expected at most 255 characters",
    ],
    [
      "a missing key",
      withTarget({ workflow: ABSENT }),
      "targets[0].workflow: expected the path of a workflow file, such as .github/workflows/ci.yml (not the name of the workflow), got nothing; add workflow",
    ],
    [
      "a workflow's name",
      withTarget({ workflow: "CI" }),
      'targets[0].workflow: expected the path of a workflow file, such as .github/workflows/ci.yml (not the name of the workflow), got "CI"',
    ],
    [
      "a pattern for a branch",
      withTarget({ branches: ["release/*"] }),
      "targets[0].branches[0]: expected the exact name of a branch",
    ],
    [
      "a ref for a branch",
      withTarget({ branches: ["refs/heads/main"] }),
      "targets[0].branches[0]: expected the exact name of a branch",
    ],
    [
      "a branch for a ref",
      withTarget({ action: { refs: ["main"] } }),
      "targets[0].action.refs[0]: expected a full ref, such as refs/heads/main",
    ],
    [
      "a name for a ref",
      withTarget({ refs: ["v*"] }),
      'targets[0].refs[0]: expected a full ref, such as refs/heads/main, or a pattern: refs/tags/v* (* within a segment, ** across), got "v*"',
    ],
    [
      "a pattern of a shell",
      withTarget({ refs: ["refs/tags/v[0-9]"] }),
      "targets[0].refs[0]: expected a full ref, such as refs/heads/main, or a pattern",
    ],
    [
      "a ref that no run has",
      withTarget({ refs: ["refs/tags/v*", "refs/pull/*/merge"] }),
      'targets[0].refs[1]: expected a ref or pattern that can match a branch (refs/heads/…) or a tag (refs/tags/…), got "refs/pull/*/merge"',
    ],
    ["no ref", withTarget({ refs: [] }), "targets[0].refs: expected a list that is not empty"],
    [
      "refs beside their short form",
      withTarget({ refs: ["refs/tags/v*"], branches: ["main"] }),
      "targets[0].branches: expected either refs or branches, which is its short form, got a list of 1; remove branches, and add each of them to refs as refs/heads/NAME",
    ],
    [
      "a repository's URL",
      withTarget({ repository: "https://github.com/acme/site" }),
      'targets[0].repository: expected OWNER/NAME, such as "acme/site"',
    ],
    [
      "a variable's name",
      withTarget({ env: { "NODE-ENV": "x" } }),
      "targets[0].env.NODE-ENV: expected the name of an environment variable (letters, digits and underscores; not the secret itself), got NODE-ENV",
    ],
    [
      "a number for a variable",
      withTarget({ env: { PORT: 80 } }),
      "targets[0].env.PORT: expected a string, got a number; write it in quotes",
    ],
    [
      "no instance",
      content({ instances: [] }),
      "instances: expected a list that is not empty, got an empty list",
    ],
    [
      "a name with a space",
      withInstances({ name: "the first" }, {}),
      "instances[0].name: expected 1 to 63 letters, digits, dots, dashes or underscores",
    ],
    [
      "no scheme",
      withInstances({ url: "a.example.com:9000" }, {}),
      "instances[0].url: expected an http:// or https:// URL",
    ],
    [
      "a URL with a query",
      withInstances({ url: "https://a.example.com/?a=b" }, {}),
      "instances[0].url: expected a URL without user name, query and fragment",
    ],
    [
      "an address without a port",
      withInstances({ listen: "127.0.0.1" }, {}),
      'instances[0].listen: expected HOST:PORT, such as "127.0.0.1:9100", got "127.0.0.1"',
    ],
    [
      "port 0",
      withInstances({ listen: "127.0.0.1:0" }, {}),
      "instances[0].listen: expected a port from 1 to 65535",
    ],
    [
      "a port too high",
      withInstances({ listen: "127.0.0.1:65536" }, {}),
      "instances[0].listen: expected a port from 1 to 65535",
    ],
    ["a store of another kind", content({ store: "mysql://h/db" }), "store: expected sqlite:PATH"],
    ["SQLite's URL of other tools", content({ store: "sqlite://data.db" }), "store: expected sqlite:PATH"],
  ])("%s", (_, file, message) => {
    const messages = new ConfigFile(file).messages();
    expect(messages).toHaveLength(1);
    expect(messages[0]?.replace(/^twinhook\.yml:\d+: /, "")).toContain(message);
  });
});

describe("an unknown key is refused with the nearest known one", () => {
  test.each<[string, Record<string, unknown>, string]>([
    [
      "at the top",
      content({ target: [] }),
      "target: expected a known key, got target; did you mean targets?",
    ],
    [
      "in a group",
      content({ failover: { windows: "5s" } }),
      "failover.windows: expected a known key, got windows; did you mean window?",
    ],
    [
      "in an instance",
      withInstances({}, { adress: "x" }),
      "instances[1].adress: expected a known key, got adress",
    ],
    [
      "deep in a target",
      withTarget({ action: { workflow: "x" } }),
      "targets[0].action.workflow: expected a known key, got workflow; did you mean workflows?",
    ],
    [
      "in what may be null",
      content({ door: { listen: "0.0.0.0:1", url: "https://d.example.com", host: "x" } }),
      "door.host: expected a known key, got host",
    ],
    [
      "like none",
      content({ zzz: 1 }),
      "zzz: expected a known key, got zzz; the nearest is door; known here: instances, public_url, door,",
    ],
  ])("%s", (_, file, message) => {
    const messages = new ConfigFile(file).messages();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(message);
  });

  test("and on its own line", () => {
    const [problem] = new ConfigFile(`instances: []\noidc:\n  issuer: https://x\n  audeince: y\n`)
      .problems()
      .slice(-1);
    expect(problem).toMatchObject({ line: 4, key: "oidc.audeince" });
  });
});
