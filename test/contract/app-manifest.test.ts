import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { appIdentity } from "../simulator/app-identity.ts";
import { PINNED } from "../simulator/github-api-description.ts";

interface Manifest {
  name: string;
  url: string;
  description: string;
  public: boolean;
  default_permissions: Record<string, string>;
  default_events: string[];
}

const manifest = parse(readFileSync(resolve(import.meta.dirname, "../../app.yml"), "utf8")) as Manifest;

test("app.yml asks for permissions that GitHub knows, at levels that it knows", () => {
  const description = JSON.parse(readFileSync(PINNED, "utf8")) as {
    components: { schemas: { "app-permissions": { properties: Record<string, { enum: string[] }> } } };
  };
  const known = description.components.schemas["app-permissions"].properties;
  for (const [permission, level] of Object.entries(manifest.default_permissions)) {
    expect(Object.keys(known)).toContain(permission);
    expect(known[permission]?.enum).toContain(level);
  }
});

test("app.yml subscribes to events that GitHub sends", () => {
  const examples: { name: string }[] = createRequire(import.meta.url)("@octokit/webhooks-examples");
  const names = examples.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(manifest.default_events));
});

test("app.yml asks for what the App uses, and nothing more", () => {
  expect(manifest).toMatchObject({
    public: false,
    default_permissions: { actions: "read", contents: "read", deployments: "write", metadata: "read" },
    default_events: ["workflow_run", "deployment", "create", "delete"],
  });
  expect(Object.keys(manifest.default_permissions)).toHaveLength(4);
});

test("the simulated App, with which everything is tested, holds at least these permissions and gets these events", () => {
  const app = appIdentity();
  expect(app.permissions).toMatchObject(manifest.default_permissions);
  expect(app.events.toSorted()).toEqual(manifest.default_events.toSorted());
});
