import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../../app/clock.ts";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { WebhookSync } from "../../../app/failover/webhook-sync.ts";
import { githubApp } from "../../../app/github/app.ts";
import { WebhookConfigClient } from "../../../app/github/webhook-config.ts";
import { eventually } from "../../helpers/eventually.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const PATCH = "PATCH /app/hook/config";
const GET = "GET /app/hook/config";
const BACKUP = { endpoint: "backup", url: "https://backup.example/api/github/webhooks" };

/** A simulated GitHub, and what sets its webhook's URL; `step` may fail after GitHub has taken it. */
async function scene(step: () => void = () => {}) {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const log = pino({ level: "silent" });
  const { environment } = readEnvironment(github.environment());
  const steps: string[] = [];
  const clock: Clock = { ...systemClock, sleep: async () => {} };
  const sync = new WebhookSync({
    github: new WebhookConfigClient(githubApp(environment, "a secret", log), () => "a secret"),
    clock,
    mayWrite: () => true,
    onSwitched: async () => {
      step();
      steps.push("switched");
    },
    onVerified: async () => void steps.push("verified"),
    onDeviation: () => void steps.push("deviation"),
    log,
  });
  onTestFinished(() => sync.stop());
  const calls = () =>
    github.requests.filter(({ path }) => path === "/app/hook/config").map(({ method }) => method);
  const done = () => eventually(() => expect(steps).toContain("verified"));
  return { github, sync, steps, calls, done };
}

it.each([
  ["the answer was lost", { kind: "lost-answer" }],
  ["the answer was cut in half", { kind: "corrupt" }],
] as const)("a URL that GitHub took is not written again when %s", async (_, fault) => {
  const { github, sync, steps, calls, done } = await scene();
  github.faults.add(fault, { route: PATCH });
  sync.set(BACKUP);
  await done();
  expect(steps).toEqual(["switched", "verified"]);
  expect(calls().filter((method) => method === "PATCH")).toHaveLength(1);
});

it("a URL that GitHub took is not written again when its record failed", async () => {
  let failures = 1;
  const { sync, steps, calls, done } = await scene(() => {
    if (failures-- > 0) throw new Error("the store is away");
  });
  sync.set(BACKUP);
  await done();
  expect(steps).toEqual(["switched", "verified"]);
  expect(calls()).toEqual(["PATCH", "GET"]);
});

it("a URL that GitHub did not take is written again after a look", async () => {
  const { github, sync, calls, done } = await scene();
  github.faults.add({ kind: "reset" }, { route: PATCH, times: 1 });
  sync.set(BACKUP);
  await done();
  expect(calls()).toEqual(["PATCH", "GET", "PATCH", "GET"]);
});

it("a URL is written again although GitHub does not show what it has", async () => {
  const { github, sync, calls, done } = await scene();
  github.faults.add({ kind: "reset" }, { route: PATCH, times: 1 });
  github.faults.add({ kind: "reset" }, { route: GET, times: 1 });
  sync.set(BACKUP);
  await done();
  expect(calls()).toEqual(["PATCH", "GET", "PATCH", "GET"]);
});

it("a URL that GitHub refused is written again without a look", async () => {
  const { github, sync, calls, done } = await scene();
  github.faults.add({ kind: "status", status: 422 }, { route: PATCH, times: 1 });
  sync.set(BACKUP);
  await done();
  expect(calls()).toEqual(["PATCH", "PATCH", "GET"]);
});

it("a new secret is written again when the answer was lost, since GitHub does not show which it has", async () => {
  const { github, sync, calls, done } = await scene();
  github.hook.config = { url: BACKUP.url, content_type: "json", insecure_ssl: "0", secret: "the old one" };
  github.faults.add({ kind: "reset" }, { route: PATCH, times: 1 });
  sync.set(BACKUP, { newSecret: true });
  await done();
  expect(calls()).toEqual(["PATCH", "PATCH", "GET"]);
  expect(github.hook.config.secret).toBe("a secret");
});
