import { describe, expect, it } from "vitest";
import type { OverviewEndpoint } from "../../../app/pages/overview/read-overview.ts";
import { type Facts, verdictOf } from "../../../app/pages/overview/verdict.ts";

const NOW = 1_000_000_000;

function endpoint(name: string, changes: Partial<OverviewEndpoint> = {}): OverviewEndpoint {
  return {
    name,
    url: `https://${name}.example.com`,
    status: "healthy",
    reason: "it answers",
    since: NOW - 60_000,
    averageMs: 3,
    successRate: 100,
    ...changes,
  };
}

const down = (name: string) =>
  endpoint(name, { status: "unhealthy", reason: "its process is gone", since: NOW - 5_000 });

const WELL: Facts = {
  now: NOW,
  controller: "primary",
  active: "primary",
  pinned: null,
  pinnedReason: null,
  mode: "switch",
  hasDoor: false,
  endpoints: [endpoint("primary"), endpoint("backup")],
  webhook: { url: "https://primary.example.com/api/github/webhooks", verifiedAt: NOW, inSync: true },
  changes: [],
  targets: [],
  renamed: [],
  pending: { shown: [], queued: 0, running: 0, oldestQueuedAt: null },
};
const elsewhere = { url: "https://other.example.com", verifiedAt: NOW, inSync: false };
const change = {
  id: 1,
  from_endpoint: "primary",
  to_endpoint: "backup",
  kind: "failover" as const,
  reason: "primary is unhealthy",
  decided_by: "backup",
  detected_at: NOW - 300,
  decided_at: NOW - 200,
  switched_at: null,
  verified_at: null,
  abandoned_at: null,
};
const failed = {
  repository: "acme/site",
  name: "production",
  last: { id: "dep_1", status: "failed", reason: "the command exited with code 1" },
} as Facts["targets"][number];

describe("the verdict", () => {
  it.each<[what: string, Partial<Facts>, level: string, sentence: RegExp, advice: RegExp]>([
    ["all is well", {}, "good", /^Deployments are safe\.$/, /delivers to primary\. backup can take over/],
    [
      "GitHub calls all of them",
      { mode: "broadcast" },
      "good",
      /^Deployments are safe\.$/,
      /to primary and backup/,
    ],
    ["they share a door", { hasDoor: true }, "good", /^Deployments are safe\.$/, /door/],
    [
      "one of two is down",
      { endpoints: [down("primary"), endpoint("backup")], active: "backup" },
      "warn",
      /only as long as backup runs: primary does not answer/,
      /its process is gone.*started again by itself/,
    ],
    [
      "one of three is down",
      { endpoints: [endpoint("primary"), down("backup"), endpoint("third")] },
      "warn",
      /^Deployments are safe; backup does not answer\.$/,
      /journalctl/,
    ],
    [
      "all are down",
      { endpoints: [down("primary"), down("backup")] },
      "bad",
      /not safe: none of the 2 endpoints answers/,
      /3 days/,
    ],
    [
      "nothing is known yet",
      { endpoints: [endpoint("primary", { status: "unknown", reason: "not checked", since: null })] },
      "warn",
      /not known yet/,
      /only just begun/,
    ],
    [
      "nothing is known long after the start",
      {
        endpoints: [
          endpoint("primary", { status: "unknown", reason: "no address (ENOTFOUND)", since: NOW - 31_000 }),
        ],
      },
      "bad",
      /not safe: primary does not answer/,
      /ENOTFOUND.*whether their URLs lead to them/,
    ],
    [
      "one is slow",
      {
        endpoints: [endpoint("primary", { status: "degraded", reason: "it answers in 6000 ms on average" })],
      },
      "warn",
      /primary does poorly/,
      /6000 ms/,
    ],
    [
      "GitHub delivers elsewhere",
      { webhook: elsewhere },
      "bad",
      /not safe: GitHub delivers to https:\/\/other/,
      /tried again/,
    ],
    ["GitHub is being told", { webhook: elsewhere, changes: [change] }, "warn", /is being told/, /^$/],
    [
      "GitHub does not take it",
      { webhook: elsewhere, changes: [{ ...change, decided_at: NOW - 60_000 }] },
      "bad",
      /not safe/,
      /githubstatus/,
    ],
    ["nobody controls", { controller: null }, "warn", /No instance controls/, /within 2 s/],
    [
      "a switchover holds",
      { pinned: "primary", pinnedReason: "new disk" },
      "warn",
      /holds them on primary/,
      /new disk.*Release it/,
    ],
    [
      "a repository was renamed",
      { renamed: ["acme/site is called acme/shop at GitHub by now: correct line 12"] },
      "warn",
      /twinhook\.yml calls a repository by a name that it does not have/,
      /acme\/shop at GitHub by now: correct line 12\./,
    ],
    [
      "a target failed",
      { targets: [failed] },
      "warn",
      /last one of production of acme\/site failed/,
      /code 1/,
    ],
    [
      "something waits for nothing",
      { pending: { shown: [], queued: 1, running: 0, oldestQueuedAt: NOW - 300_000 } },
      "warn",
      /waits although nothing runs/,
      /lock/,
    ],
  ])("when %s", (_, changes, level, sentence, advice) => {
    const verdict = verdictOf({ ...WELL, ...changes });
    expect(verdict.level).toBe(level);
    expect(verdict.sentence).toMatch(sentence);
    expect(verdict.advice.map(({ text }) => text).join(" ")).toMatch(advice);
  });

  it("says the worst first, and leaves nothing out", () => {
    const unknown = ["primary", "backup"].map((name) => endpoint(name, { status: "unknown", since: NOW }));
    const wrong = { webhook: elsewhere, targets: [failed], pinned: "backup" };
    const verdict = verdictOf({ ...WELL, endpoints: unknown, ...wrong });
    expect(verdict.level).toBe("bad");
    expect(verdict.sentence).toContain("not safe");
    const advice = verdict.advice.map(({ text }) => text).join("\n");
    expect(advice).toContain("the last one of production of acme/site failed");
    expect(advice).toContain("holds them on backup");
    expect(verdict.advice.find(({ link }) => link)?.link?.path).toBe("/deployments/dep_1");
  });

  it("does not take what waits its turn for something stuck", () => {
    const oldestQueuedAt = NOW - 300_000;
    const pending = { shown: [], queued: 1, running: 1, oldestQueuedAt };
    expect(verdictOf({ ...WELL, pending }).level).toBe("good");
    expect(
      verdictOf({ ...WELL, pending: { ...pending, running: 0, oldestQueuedAt: NOW - 1_000 } }).level,
    ).toBe("good");
  });
});
