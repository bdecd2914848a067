import { expect, test } from "vitest";
import type { Deployment } from "../../../shared/deployment.ts";
import { setScene } from "./scene.ts";

/** An instance that has deployed so many commits, the newest last. */
async function withDeployed(count: number) {
  const scene = await setScene();
  await scene.host.startInProcess("primary");
  const deployed: Deployment[] = [];
  for (let i = 0; i < count; i++) {
    const { id } = await scene.deploy();
    deployed.push(await scene.host.deployment("primary", id, ({ status }) => status === "succeeded"));
  }
  return { ...scene, deployed };
}

test("rollback ends with 0 once the commit before is live again, and release lets newer runs go on", async () => {
  const { json, deploy, host, deployed } = await withDeployed(2);
  const [first] = deployed as [Deployment];
  expect(await json("rollback", "production", "--reason", "broken")).toMatchObject({
    sha: first.sha,
    status: "succeeded",
    source: "manual",
  });
  const { id } = await deploy();
  const { items } = await json<{ items: unknown[] }>("targets");
  expect(items).toMatchObject([
    { live: { sha: first.sha }, held: { reason: expect.stringMatching(/: broken$/) }, queued: 1 },
  ]);
  expect(await json("release", "acme/site:production")).toMatchObject({ held: null });
  await host.deployment("primary", id, ({ status }) => status === "succeeded");
});

test("hold says who holds the target, and until when", async () => {
  const { json } = await withDeployed(0);
  expect(
    await json("hold", "production", "--reason", "the sale", "--until", "2999-01-01T00:00:00Z"),
  ).toMatchObject({
    target: "production",
    held: { by: "admin token", reason: "the sale", until: "2999-01-01T00:00:00.000Z" },
  });
});

test.each([
  [
    "of a target that does not exist ends with 1 and names those that do",
    ["nowhere"],
    1,
    /acme\/site:production/,
  ],
  ["without a reason ends with 2", ["production", "--reason"], 2, /reason/],
])("hold %s", async (_, args, code, said) => {
  const { twinhook } = await withDeployed(0);
  const reason = args.includes("--reason") ? [] : ["--reason", "why"];
  const ended = await twinhook(["hold", ...args, ...reason]);
  expect(ended.code).toBe(code);
  expect(ended.err).toMatch(said);
});
