import { expect, test } from "vitest";
import { canMatchRun, isRefPattern, matchesRef, onlyBranch } from "../../../app/config/refs.ts";

test.each([
  ["refs/heads/main", "refs/heads/main", true],
  ["refs/heads/main", "refs/tags/main", false],
  ["refs/heads/main", "refs/heads/main2", false],
  ["refs/tags/v*", "refs/tags/v1.2.3", true],
  ["refs/tags/v*", "refs/tags/v", true],
  ["refs/tags/v*", "refs/tags/v1/2", false],
  ["refs/tags/v1.2", "refs/tags/v1x2", false],
  ["refs/heads/release/**", "refs/heads/release/1/2", true],
  ["refs/heads/**", "refs/tags/v1", false],
  ["refs/**", "refs/tags/v1", true],
  ["refs/*/main", "refs/tags/main", true],
  ["refs/heads/a+(b)", "refs/heads/a+(b)", true],
])("%s matches %s: %s", (pattern, ref, matches) => {
  expect(matchesRef([pattern], ref)).toBe(matches);
});

test.each([
  "main",
  "heads/main",
  "refs/heads/",
  "refs/heads//x",
  "refs/heads/a b",
  "refs/heads/a?",
  "refs/heads/[ab]",
  "refs/heads/***",
  "refs/heads/a..b",
  "refs/heads/.a",
  "refs/heads/a.lock",
])("%s is no pattern", (text) => {
  expect(isRefPattern(text)).toBe(false);
});

test.each([
  ["refs/heads/*", true],
  ["refs/*/v1", true],
  ["refs/**", true],
  ["refs/heads", false],
  ["refs/*", false],
  ["refs/pull/*/merge", false],
  ["refs/notes/**", false],
])("%s can match a run: %s", (pattern, can) => {
  expect(canMatchRun(pattern)).toBe(can);
});

test("GitHub may filter runs by a branch only where all targets deploy that branch alone", () => {
  const main = { refs: ["refs/heads/main"] };
  expect(onlyBranch([main, main])).toBe("main");
  expect(onlyBranch([main, { refs: ["refs/tags/v*"] }])).toBeNull();
  expect(onlyBranch([{ refs: ["refs/tags/main"] }])).toBeNull();
  expect(onlyBranch([{ refs: ["refs/heads/*"] }])).toBeNull();
});
