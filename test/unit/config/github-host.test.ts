import { describe, expect, test } from "vitest";
import { readForm } from "../../../app/setup/first-run-form.ts";
import { ConfigFile, content } from "./config-file.ts";

describe("where GitHub is follows from GHE_HOST", () => {
  test.each<[string, string | undefined, [web: string, api: string, issuer: string]]>([
    [
      "github.com",
      undefined,
      ["https://github.com", "https://api.github.com", "https://token.actions.githubusercontent.com"],
    ],
    [
      "an enterprise at GHE.com",
      "octocorp.ghe.com",
      ["https://octocorp.ghe.com", "https://api.octocorp.ghe.com", "https://token.actions.octocorp.ghe.com"],
    ],
    [
      "a server of one's own",
      "git.example.com:8443",
      [
        "https://git.example.com:8443",
        "https://git.example.com:8443/api/v3",
        "https://git.example.com:8443/_services/token",
      ],
    ],
  ])("%s", (_, host, [web, api, issuer]) => {
    const { environment, oidc } = new ConfigFile(content(), { GHE_HOST: host }).load();
    expect([environment.githubUrl, environment.githubApiUrl, oidc.issuer]).toEqual([web, api, issuer]);
  });
});

describe.each([
  ["github.com", "leave it out for github.com"],
  ["GitHub.com", "leave it out for github.com"],
  ["api.github.com", "leave it out for github.com"],
  ["ghe.com", "expected the enterprise's own host at GHE.com, such as octocorp.ghe.com"],
  ["api.octocorp.ghe.com", "expected the enterprise's own host at GHE.com, such as octocorp.ghe.com"],
])("%s is no GHE_HOST", (host, reason) => {
  test("in the environment", () => {
    const messages = new ConfigFile(content(), { GHE_HOST: host }).messages();
    expect(messages).toEqual([expect.stringContaining(reason)]);
    expect(messages[0]).toContain(`got "${host}"`);
  });

  test("in the form that makes the App", () => {
    expect(() => readForm({ name: "Twinhook", github_host: host })).toThrow(reason);
  });
});
