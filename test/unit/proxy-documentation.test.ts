import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { COMMIT_LIMIT_MS } from "../../app/accept/acceptor.ts";
import { configSchema } from "../../app/config/schema.ts";
import { PROBE_LIMIT_MS } from "../../app/http/health-routes.ts";
import { parseDuration } from "../../shared/duration.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** GitHub waits this long for an answer. */
const GITHUB_LIMIT_MS = 10_000;
/** What reading the request, parsing it and sending the answer may take besides the commit. */
const ANSWER_MS = 1_000;
/** What a commit takes at most on an instance that is well. */
const COMMIT_MS = 2_000;

/** Every nginx example of the documents. */
const examples = ["docs/how-to/set-up-with-nginx.md", "app/setup/README.md"].flatMap((file) =>
  [...readFileSync(resolve(ROOT, file), "utf8").matchAll(/```nginx\n([\s\S]*?)```/g)].map(
    ([, text]) => [file, text as string] as const,
  ),
);
const limits = (text: string, directive: string) =>
  [...text.matchAll(new RegExp(`${directive} (\\S+);`, "g"))].map(([, limit]) =>
    parseDuration(limit as string),
  );

describe("the nginx examples", () => {
  it("are found in both documents, each with its read timeout", () => {
    expect(examples.map(([file]) => file)).toEqual([
      "docs/how-to/set-up-with-nginx.md",
      "app/setup/README.md",
    ]);
    for (const [, text] of examples) expect(limits(text, "proxy_read_timeout")).toHaveLength(1);
  });

  it.each(examples)("of %s wait longer for an answer than an instance waits for a commit", (_, text) => {
    for (const limit of limits(text, "proxy_read_timeout"))
      expect(limit).toBeGreaterThanOrEqual(COMMIT_LIMIT_MS + ANSWER_MS);
  });

  it("that ask a second instance leave it the time to answer before GitHub gives up", () => {
    const [, text] = examples.find(([, example]) => example.includes("proxy_next_upstream")) ?? ["", ""];
    const [connect = 0] = limits(text, "proxy_connect_timeout");
    const [read = 0] = limits(text, "proxy_read_timeout");
    expect(connect).toBeGreaterThan(0);
    expect(connect + read + connect + COMMIT_MS).toBeLessThanOrEqual(GITHUB_LIMIT_MS);
  });

  it("never take an instance out of the upstream for having refused", () => {
    const servers = examples.flatMap(([, text]) => text.match(/^\s*server \d[^;{]*;/gm) ?? []);
    expect(servers).toHaveLength(2);
    for (const server of servers) expect(server).toContain(" max_fails=0");
  });

  it("say how long an instance waits for a commit", () => {
    const text = readFileSync(resolve(ROOT, "app/setup/README.md"), "utf8");
    expect(text).toContain(`no commit for ${COMMIT_LIMIT_MS / 1_000} s`);
  });
});

it("a readiness check answers before the instances' own checks give up", () => {
  const { failover } = configSchema.parse({
    instances: [{ name: "a", url: "https://a.example.com", listen: "127.0.0.1:1" }],
  });
  expect(PROBE_LIMIT_MS).toBeLessThan(failover.health_check_timeout);
});
