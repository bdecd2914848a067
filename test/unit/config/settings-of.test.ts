import { expect, test } from "vitest";
import { settingsOf, withoutPassword, writtenDuration } from "../../../app/config/settings-of.ts";
import { ConfigFile, content } from "./config-file.ts";

const found = (file: ConfigFile, key: string) => settingsOf(file.load()).find((one) => one.key === key);

test("each value is told with the line of the file that it comes from, or that it is the default", () => {
  const file = new ConfigFile(content({ failover: { window: "90s" } }));
  expect(found(file, "failover.window")).toMatchObject({ value: "90s", source: { kind: "file" } });
  expect(found(file, "failover.lease_ttl")).toEqual({
    key: "failover.lease_ttl",
    value: "2s",
    source: { kind: "default" },
  });
  expect(found(file, "instances[0].name")?.source.kind).toBe("file");
});

test("a value of the environment is told with the variable, and without its password", () => {
  const file = new ConfigFile(content(), {
    DATABASE_URL: "postgres://app:hunter2@db.example.com/twinhook?password=x",
  });
  expect(found(file, "store")).toEqual({
    key: "store",
    value: "postgres://app:***@db.example.com/twinhook?password=***",
    source: { kind: "environment", variable: "DATABASE_URL" },
  });
});

test("no password of a URL is shown", () => {
  expect(withoutPassword("postgres://u:p%40ss@h/db")).toBe("postgres://u:***@h/db");
  expect(withoutPassword("postgres://h/db")).toBe("postgres://h/db");
  expect(withoutPassword("not a url")).not.toContain("not a url");
});

test.each([
  [500, "500ms"],
  [5_000, "5s"],
  [90_000, "90s"],
  [600_000, "10m"],
  [7_200_000, "2h"],
])("%i ms are written %s", (ms, text) => expect(writtenDuration(ms)).toBe(text));
