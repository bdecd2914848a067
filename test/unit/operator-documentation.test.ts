import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startPage } from "../../app/setup/first-run-pages.ts";
import { ConfigFile, content } from "./config/config-file.ts";

const TYPES = [
  ...["slack", "discord", "telegram", "ntfy", "teams", "apprise"],
  ...["webhook", "email", "github_issue"],
];

/** The types of alerts that cannot do without `key`. */
const needing = (key: string) =>
  TYPES.filter((type) =>
    new ConfigFile(content({ alerts: [{ type }] }))
      .messages()
      .some((message) => message.includes(`expected ${key}, which ${type} needs`)),
  );

test.each(["url_env", "secret_env", "from", "to", "repository", "chat_id"])(
  "the reference says which alerts require %s",
  (key) => {
    const row = new RegExp(`^\\| \`alerts\\[\\]\\.${key}\` +\\| (.*?) +\\|`, "m");
    const written = row.exec(readFileSync("docs/reference/configuration.md", "utf8"))?.[1] ?? "";
    const named = TYPES.filter((type) => written.includes(`\`${type}\``));
    expect(written).toMatch(/^required (but )?by `/);
    expect(
      written.startsWith("required but") ? TYPES.filter((type) => !named.includes(type)) : named,
    ).toEqual(needing(key));
  },
);

test("the setup page says how instances come to trust a private authority", () => {
  expect(readFileSync("app/setup/README.md", "utf8")).toMatch(/Environment=NODE_EXTRA_CA_CERTS=/);
});

test("a field of the setup page that is empty looks empty, and its hint has an example", async () => {
  const page = String(
    await startPage({
      csrfToken: "token",
      urls: null,
      configFile: "twinhook.yml",
      envFile: ".env",
      replaced: [],
      githubUrl: null,
      chosen: {},
    }),
  );
  expect(page).not.toContain("placeholder");
  expect(page).toMatch(/<span class="hint">[^<]*https:\/\/deploy\.example\.com:9000/);
});
