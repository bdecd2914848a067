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

const PROXIES = resolve(ROOT, "examples/proxies");
/** Every proxy's example, with the words for its limits. */
const examples = [
  ["nginx.conf", "proxy_connect_timeout", "proxy_read_timeout"],
  ["haproxy.cfg", "timeout connect", "timeout server"],
  ["Caddyfile", "dial_timeout", "response_header_timeout"],
].map(([file = "", connect = "", read = ""]) => {
  const text = readFileSync(resolve(PROXIES, file), "utf8");
  return [file, text, { connect: limits(text, connect), read: limits(text, read) }] as const;
});

function limits(text: string, directive: string): number[] {
  return [...text.matchAll(new RegExp(`${directive} (\\d+m?s)`, "g"))].map(([, limit]) =>
    parseDuration(limit),
  );
}

describe.each(examples)("the example %s", (_, text, { connect, read }) => {
  it("waits longer for an answer than an instance waits for a commit", () => {
    expect(read).not.toEqual([]);
    for (const limit of read) expect(limit).toBeGreaterThanOrEqual(COMMIT_LIMIT_MS + ANSWER_MS);
  });

  it("leaves the second instance the time to answer before GitHub gives up", () => {
    const [connectMs = 0] = connect;
    expect(connectMs).toBeGreaterThan(0);
    expect(connectMs + Math.min(...read) + connectMs + COMMIT_MS).toBeLessThanOrEqual(GITHUB_LIMIT_MS);
  });

  it("names both instances where they listen", () => {
    for (const address of ["127.0.0.1:9100", "127.0.0.1:9101"]) expect(text).toContain(address);
  });
});

it("nginx never takes an instance out of the upstream for having refused", () => {
  const [, text] = examples[0] as (typeof examples)[number];
  const servers = text.match(/^\s*server \d[^;{]*;/gm) ?? [];
  expect(servers).toHaveLength(2);
  for (const server of servers) expect(server).toContain(" max_fails=0");
});

it("the setup's document says how long an instance waits for a commit", () => {
  const text = readFileSync(resolve(ROOT, "app/setup/README.md"), "utf8");
  expect(text).toContain(`no commit for ${COMMIT_LIMIT_MS / 1_000} s`);
});

it("a readiness check answers before the instances' own checks give up", () => {
  const { failover } = configSchema.parse({
    instances: [{ name: "a", url: "https://a.example.com", listen: "127.0.0.1:1" }],
  });
  expect(PROBE_LIMIT_MS).toBeLessThan(failover.health_check_timeout);
});
