import { expect, test } from "vitest";
import { returnPath } from "../../../app/auth/return-path.ts";

test.each([
  ["/deployments/dep_1?tab=log", "/deployments/dep_1?tab=log"],
  ["/", "/"],
  [undefined, "/"],
  ["", "/"],
  ["settings", "/"],
  ["https://evil.example/", "/"],
  ["//evil.example", "/"],
  ["/\\evil.example", "/"],
  ["/\t/evil.example", "/"],
  ["/..//evil.example", "/"],
  ["/%2e%2e//evil.example", "/"],
  ["javascript:alert(1)", "/"],
])("after signing in, %j leads to %s", (wanted, expected) => {
  expect(returnPath(wanted)).toBe(expected);
});
