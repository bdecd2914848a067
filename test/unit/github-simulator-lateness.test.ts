import { afterEach, expect, test } from "vitest";
import { appJwt } from "../helpers/github/client-jwt.ts";
import { type GitHub, startGitHub } from "../helpers/github/simulator.ts";

const LATE_MS = 5_000;
let github: GitHub;
afterEach(() => github.close());

async function ask(path: string, token: string) {
  const response = await fetch(github.url + path, { headers: { authorization: `Bearer ${token}` } });
  return (await response.json()) as { workflow_runs: { id: number }[] } & {
    guid: string;
    delivered_at: string;
  }[];
}

test("a row of the delivery log that is listed late shows its true time", async () => {
  const at = Date.parse("2026-03-01T12:00:00Z");
  github = await startGitHub({ now: () => at, deliveryListedAfterMs: () => LATE_MS });
  github.addRepository("acme/site");
  const { guid, delivery } = github.completeRun({ repository: "acme/site" });
  await delivery;
  const rows = () => ask("/app/hook/deliveries", appJwt(github.app, {}, github.clock.now()));
  expect(await rows()).toEqual([]);
  github.clock.advance(LATE_MS);
  expect(await rows()).toMatchObject([{ guid, delivered_at: "2026-03-01T12:00:00Z" }]);
});

test("a run that is listed late is known by its id at once", async () => {
  const at = Date.parse("2026-03-01T12:00:00Z");
  github = await startGitHub({ now: () => at, runListedAfterMs: () => LATE_MS });
  github.addRepository("acme/site");
  const { run } = github.completeRun({ repository: "acme/site", send: false });
  const token = github.githubToken("acme/site", { actions: "read" });
  const path = "/repos/acme/site/actions/runs";
  expect((await ask(path, token)).workflow_runs).toEqual([]);
  expect(await ask(`${path}/${run.id}`, token)).toMatchObject({ id: run.id });
  github.clock.advance(LATE_MS);
  expect((await ask(path, token)).workflow_runs).toMatchObject([{ id: run.id }]);
});
