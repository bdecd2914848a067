import { describe, expect, it, test } from "vitest";
import { configWarnings } from "../../../app/config/load.ts";
import { ConfigFile, withTarget } from "./config-file.ts";

describe("the URL of verify", () => {
  const SITE = "write the site's own URL, such as https://example.com/version";
  test.each([
    ["ftp://example.com", "an http:// or https:// URL", SITE],
    ["example.com/version", "an http:// or https:// URL", SITE],
    ["file:///etc/passwd", "an http:// or https:// URL", SITE],
    ["http://169.254.169.254/latest", "a URL whose address is not link-local", SITE],
    ["http://2852039166/", "a URL whose address is not link-local", SITE],
    ["http://[fe80::1]:8080/", "a URL whose address is not link-local", SITE],
    ["http://[::ffff:169.254.1.1]/", "a URL whose address is not link-local", SITE],
  ])("%s is refused", (url, expected, remedy) => {
    const [message] = new ConfigFile(withTarget({ verify: { url } })).messages();
    expect(message).toMatch(/^twinhook.yml:\d+: /);
    expect(message).toContain(`targets[0].verify.url: expected ${expected}, got "${url}"; ${remedy}`);
  });

  it("may hold no password, which no message shows", () => {
    const [message] = new ConfigFile(
      withTarget({ verify: { url: "https://u:pass-word@example.com" } }),
    ).messages();
    expect(message).toContain("expected a URL without user name and password");
    expect(message).not.toContain("pass-word");
  });

  test.each(["https://example.com/version", "http://127.0.0.1:8080", "http://10.0.0.1/"])(
    "%s is allowed",
    (url) => {
      expect(new ConfigFile(withTarget({ verify: { url } })).load().targets[0]?.verify).toEqual({
        url,
        status: 200,
        body: null,
        within: 60_000,
        interval: 2000,
      });
    },
  );
});

it("--check warns of a body that every version shows", () => {
  const warnings = (body: string) =>
    configWarnings(
      new ConfigFile(withTarget({ verify: { url: "https://example.com", body } })).load(),
    ).filter((line) => line.includes("verify"));
  expect(warnings("ok")).toEqual([
    "targets[0].verify.body: an older version may show this text, too; write {sha}, {short_sha} or {run_id} where the site names its version",
  ]);
  expect(warnings("at {short_sha}")).toEqual([]);
});
