import { chmodSync, rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ConfigFile, content, type Variables } from "./config-file.ts";

const FROM_EXAMPLE =
  "go to its folder, make one there with `twinhook init`, or name another file by TWINHOOK_CONFIG";

describe("a file that cannot be read as a whole", () => {
  test.each([
    [
      "an empty file",
      "",
      `: (the whole file): expected keys such as instances and targets, got an empty file; ${FROM_EXAMPLE}`,
    ],
    [
      "only comments",
      "# later\n",
      `: (the whole file): expected keys such as instances and targets, got an empty file; ${FROM_EXAMPLE}`,
    ],
    ["a list", "- a\n- b\n", ": (the whole file): expected a map of keys and values, got a list of 2"],
    ["a word", "hello\n", ': (the whole file): expected a map of keys and values, got "hello"'],
    ["an open quote", 'store: "sqlite:x\n', ":2: (YAML): expected valid YAML, got Missing closing"],
    [
      "a tab",
      "retry:\n\tjitter: true\n",
      ":2: (YAML): expected valid YAML, got Tabs are not allowed as indentation",
    ],
    [
      "a key twice",
      "admins: []\nstore: sqlite:x\nadmins: [a]\n",
      ":3: admins: expected each key once, got it a second time",
    ],
    [
      "a second document",
      "admins: []\n---\nadmins: []\n",
      ":2: (YAML): expected one document, got another after ---",
    ],
    ["an unknown tag", "store: !secret x\n", ":1: (YAML): expected valid YAML, got Unresolved tag: !secret"],
    ["an alias without anchor", "admins: *people\n", ": (YAML): expected valid YAML, got Unresolved alias"],
  ])("%s", (_, text, message) => {
    const messages = new ConfigFile(text).messages();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(`twinhook.yml${message}`);
  });

  test("no file of this name", () => {
    const file = new ConfigFile("");
    rmSync(file.name);
    expect(file.messages()).toEqual([
      `twinhook.yml: (the whole file): expected a file that can be read, got no file of this name; ${FROM_EXAMPLE}`,
    ]);
  });

  test("a directory", () => {
    const file = new ConfigFile("");
    file.env.TWINHOOK_CONFIG = file.folder;
    expect(file.problems()).toMatchObject([{ file: file.folder, got: "a directory", remedy: FROM_EXAMPLE }]);
  });

  test.skipIf(process.getuid?.() === 0)("a file of somebody else's", () => {
    const file = new ConfigFile(content());
    chmodSync(file.name, 0);
    expect(file.problems()).toMatchObject([{ got: "a file that this user may not read" }]);
  });
});

describe("a secret is never quoted", () => {
  const SECRET = "hunter2-hunter2-hunter2";
  test.each<[string, string | Record<string, unknown>, Variables]>([
    ["as a password in the store's URL", content({ store: `mysql://app:${SECRET}@db/app` }), {}],
    ["as a password with reserved characters", content({ store: `postgres://app:a/${SECRET}@db/app` }), {}],
    ["as a parameter of the store's URL", content({ store: `mysql://db/app?password=${SECRET}` }), {}],
    ["as a password in DATABASE_URL", content(), { DATABASE_URL: `mysql://app:${SECRET}@db/app` }],
    ["under an unknown key", content({ admin_token: SECRET }), {}],
    [
      "where the name of its variable belongs",
      content({ alerts: [{ type: "slack", url_env: `https://x/${SECRET}` }] }),
      {},
    ],
    [
      "as a value of the wrong type",
      content({ targets: [{ env: { A: [SECRET] }, pass_env: [`a ${SECRET}`] }] }),
      {},
    ],
    ["within a map where a list belongs", content({ targets: { env: { TOKEN: SECRET } } }), {}],
    ["in what is not YAML", `store: "x" "${SECRET}"\n`, {}],
    ["in a duplicate key's value", `store: a\nstore: ${SECRET}\n`, {}],
    ["as the App's key", content(), { PRIVATE_KEY: SECRET }],
    [
      "as the key where its file's name belongs",
      content(),
      { PRIVATE_KEY: "", PRIVATE_KEY_PATH: `-----BEGIN ${SECRET}` },
    ],
    ["as a token", content(), { TWINHOOK_ADMIN_TOKEN: `${SECRET} ${SECRET}` }],
  ])("%s", (_, text, env) => {
    const messages = new ConfigFile(text, env).messages().join("\n");
    expect(messages).not.toBe("");
    expect(messages).not.toContain("hunter2");
  });

  test("when a delivery secret itself stands where its variable's name belongs", () => {
    const secret = "whsec_aGVsbG9oZWxsb2hlbGxvaGVsbG9oZWxsbw";
    const messages = new ConfigFile(content({ targets: [{ action: { secret_env: secret } }] }))
      .messages()
      .join("\n");
    expect(messages).toContain("secret_env: expected the name of an environment variable");
    expect(messages).not.toContain(secret);
  });
});
