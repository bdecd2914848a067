import { expect, test } from "vitest";
import { isPlainAndRemote, parseEndpoints } from "../../../action/input/endpoints.ts";

test("empty lines, comments and slashes at the end are skipped, and the first endpoint is the primary", () => {
  const { endpoints, problems } = parseEndpoints(
    "\n# the twins\nhttps://a.example.com/\n\nhttps://b.example.com:9001/twin/ # the second\nhttp://127.0.0.1:1\n",
  );
  expect(problems).toEqual([]);
  expect(endpoints.map(({ name, route, url }) => [name, route, url])).toEqual([
    ["primary", "primary", "https://a.example.com"],
    ["backup", "backup", "https://b.example.com:9001/twin"],
    ["backup 2", "backup", "http://127.0.0.1:1"],
  ]);
});

test("a label names the origin only, since a path may be a secret", () => {
  expect(parseEndpoints("https://a.example.com/hidden").endpoints[0]?.label).toBe(
    "primary (https://a.example.com)",
  );
});

test.each([
  ["", /expected an http/],
  ["# nothing", /got nothing/],
  ["deploy.example.com", /line 1: .*not a URL/],
  ["ftp://a.example.com", /starts with ftp:/],
  ["https://me:pa55word@a.example.com", /without user name and password/],
  ["https://a.example.com?token=t0psecret", /without anything from "\?"/],
  ["https://a.example.com, https://b.example.com", /several in one line/],
  ["https://a.example.com\nHTTPS://A.example.com:443/", /line 2: repeats the URL of line 1/],
])("the endpoints %j are refused with the reason", (text, reason) => {
  const { problems } = parseEndpoints(text);
  expect(problems.join("\n")).toMatch(reason);
  expect(problems.join("\n")).not.toMatch(/pa55word|t0psecret/);
});

test("plain http is remarkable only beyond this machine", () => {
  const plain = (url: string) => parseEndpoints(url).endpoints.map(isPlainAndRemote);
  expect(plain("http://127.0.0.1:1\nhttp://localhost:2\nhttp://[::1]:3\nhttps://a.example.com")).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect(plain("http://a.example.com\nhttp://127.0.0.1.example.com")).toEqual([true, true]);
});
