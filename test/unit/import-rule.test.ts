import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");

/** The rooms of both halves, from top to bottom. A room imports only from rooms below it; a file of its own room is free. */
const LAYERS = [
  ["app/main.ts", "app/main.js"],
  ["app/command-line.ts"],
  ["app/cli"],
  ["app/service.ts"],
  ["app/supervisor", "app/instance"],
  ["app/setup"],
  ["app/pages"],
  ["app/http"],
  ["app/catch-up"],
  ["app/upkeep"],
  ["app/alerts", "app/metrics", "app/reads"],
  ["app/failover", "app/auth"],
  ["app/run", "app/github"],
  ["app/accept"],
  ["app/queue"],
  ["app/outbox"],
  ["app/store"],
  ["app/config"],
  ["app/wake-loop.ts"],
  ["app/bundle", "app/clock.ts", "app/log.ts", "app/shrink-heap.ts", "app/version.ts"],
  ["action/build.ts"],
  ["action/main.ts"],
  ["action/run.ts"],
  ["action/report"],
  ["action/check.ts"],
  ["action/ask"],
  ["action/input"],
  ["action/http.ts", "action/foreign-text.ts"],
  ["action/network-cause.ts"],
];

/** What a file imports, in any of the language's ways; comments and texts in between do not count. */
function importsOf(source: string): string[] {
  const statements = source.matchAll(/^(?:import|export)\b[^"';]*?["']([^"'\n]+)["']/gm);
  const calls = source.matchAll(/\bimport\(\s*["']([^"'\n]+)["']/g);
  return [...statements, ...calls].map(([, name = ""]) => name);
}

/** The folder below `app/` or `action/`, or the file right in it. */
function roomOf(file: string): string {
  return file.split("/").slice(0, 2).join("/");
}

function layerOf(room: string): number {
  return LAYERS.findIndex((rooms) => rooms.includes(room));
}

/** Why `file` may not import `imported` (both relative to the project), or null when it may. */
function broken(file: string, imported: string): string | null {
  const [from, to] = [file.split("/")[0], imported.split("/")[0]];
  if (to === "test") return "only tests import what is in test/";
  if (from === "shared" && (to === "app" || to === "action")) return "shared/ imports neither half";
  if (from === "app" && to === "action") return "the App does not import the Action";
  if (from === "action" && to === "app") return "the Action does not import the App";
  if (from !== to || from === "shared" || roomOf(file) === roomOf(imported)) return null;
  const [above, below] = [layerOf(roomOf(file)), layerOf(roomOf(imported))];
  if (above === -1 || below === -1) return "this room has no place yet; add it to LAYERS";
  return below > above ? null : `${roomOf(file)} may import only what stands below it`;
}

function wrongImports(file: string, source: string): string[] {
  return importsOf(source)
    .filter((name) => name.startsWith("."))
    .map((name) => normalize(join(dirname(file), name)))
    .flatMap((imported) => {
      const why = broken(file, imported);
      return why === null ? [] : `${file} imports ${imported}: ${why}`;
    });
}

const files = globSync("{app,action,shared}/**/*.{ts,js}", { cwd: ROOT, exclude: ["**/dist/**"] });

test("nothing imports what it must not", () => {
  expect(files.length).toBeGreaterThan(50);
  expect(files.flatMap((file) => wrongImports(file, readFileSync(join(ROOT, file), "utf8")))).toEqual([]);
});

test("every room has its place", () => {
  const rooms = new Set(files.filter((file) => !file.startsWith("shared/")).map(roomOf));
  expect([...rooms].filter((room) => layerOf(room) === -1)).toEqual([]);
});

test("no files import each other in a circle", () => {
  const imports = new Map(
    files.map((file) => [
      file,
      importsOf(readFileSync(join(ROOT, file), "utf8"))
        .filter((name) => name.startsWith("."))
        .map((name) => normalize(join(dirname(file), name))),
    ]),
  );
  const done = new Set<string>();
  const circleFrom = (file: string, path: readonly string[]): readonly string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const imported of imports.get(file) ?? []) {
      const circle = circleFrom(imported, [...path, file]);
      if (circle) return circle;
    }
    done.add(file);
    return null;
  };
  expect(files.map((file) => circleFrom(file, [])).find((circle) => circle !== null)).toBeUndefined();
});

describe("the rule notices", () => {
  test.each([
    ["shared/x.ts", 'import { a } from "../app/clock.ts";'],
    ["shared/x.ts", 'import type { A } from "../action/main.ts";'],
    ["app/http/x.ts", 'export * from "../../action/input/inputs.ts";'],
    ["action/ask/x.ts", 'import { a,\n  b,\n} from "../../app/log.ts";'],
    ["app/queue/x.ts", 'import "../run/runner.ts";'],
    ["app/config/x.ts", 'import type { Store } from "../store/store.ts";'],
    ["app/store/sqlite/x.ts", 'const a = await import("../../queue/claim/claim.ts");'],
    ["app/run/x.ts", 'import { a } from "../github/app.ts";'],
    ["app/clock.ts", 'import { a } from "./log.ts";'],
    ["app/http/x.ts", 'import { a } from "../unheard-of/a.ts";'],
    ["action/input/x.ts", 'import { a } from "../ask/deliver.ts";'],
    ["app/http/x.ts", 'import { a } from "../../test/helpers/process.ts";'],
  ])("%s: %s", (file, source) => {
    expect(wrongImports(file, source)).toHaveLength(1);
  });
});

describe("the rule lets through", () => {
  test.each([
    ["app/http/x.ts", 'import { a } from "../store/store.ts";\nimport { b } from "./present.ts";'],
    ["app/store/sqlite/x.ts", 'import { a } from "../errors.ts";'],
    ["app/queue/x.ts", 'import { a } from "../../shared/deployment.ts";'],
    ["app/version.ts", 'import manifest from "../package.json" with { type: "json" };'],
    ["app/config/x.ts", '// not: import { a } from "../store/store.ts"\nimport { z } from "zod";'],
  ])("%s: %s", (file, source) => {
    expect(wrongImports(file, source)).toEqual([]);
  });
});
