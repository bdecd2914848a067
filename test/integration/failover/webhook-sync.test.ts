import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../../app/clock.ts";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { type DesiredWebhook, WebhookSync } from "../../../app/failover/webhook-sync.ts";
import { githubApp } from "../../../app/github/app.ts";
import { WebhookConfigClient } from "../../../app/github/webhook-config.ts";
import { eventually } from "../../helpers/eventually.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const SECRET = "the secret of the webhook";
const PATCH = "PATCH /app/hook/config";
const desired = (endpoint: string): DesiredWebhook => ({
  endpoint,
  url: `https://${endpoint}.example/api/github/webhooks`,
});

/** A simulated GitHub that forgets the secret unless it is sent along, and what keeps its webhook right. */
async function scene() {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.settings.appHookForgetsSecret = true;
  const log = pino({ level: "silent" });
  const { environment } = readEnvironment(github.environment());
  const client = new WebhookConfigClient(githubApp(environment, SECRET, log), () => SECRET);
  const steps: string[] = [];
  const sleeps: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: async (ms) => {
      sleeps.push(ms);
    },
  };
  const right = { held: true };
  const sync = new WebhookSync({
    github: client,
    clock,
    mayWrite: () => right.held,
    onSwitched: async ({ endpoint }) => void steps.push(`switched to ${endpoint}`),
    onVerified: async ({ endpoint }) => void steps.push(`verified ${endpoint}`),
    onDeviation: (_, found) => void steps.push(`found ${found}`),
    log,
  });
  onTestFinished(() => sync.stop());
  const patches = () => github.requests.filter(({ method }) => method === "PATCH");
  return { github, client, sync, steps, sleeps, right, patches };
}

it("a desired URL is written at once, with the secret and everything else, and read back", async () => {
  const { github, sync, steps, patches } = await scene();
  sync.set(desired("backup"));
  await eventually(() => expect(steps).toEqual(["switched to backup", "verified backup"]));
  expect(patches()).toHaveLength(1);
  expect(github.requests[0]?.method).toBe("PATCH");
  expect(github.hook.config).toEqual({
    url: desired("backup").url,
    content_type: "json",
    insecure_ssl: "0",
    secret: SECRET,
  });
});

it("a new desired URL makes one void that GitHub has not taken yet", async () => {
  const { github, sync, steps } = await scene();
  const hang = github.faults.add({ kind: "hang" }, { route: PATCH, times: 1 });
  sync.set(desired("backup"));
  await github.waitFor(() => hang.hits === 1);
  sync.set(desired("third"));
  await eventually(() => expect(steps).toEqual(["switched to third", "verified third"]));
  expect(github.hook.config.url).toBe(desired("third").url);
});

it("GitHub's answer that was lost is no harm: the URL is read back", async () => {
  const { github, sync, steps } = await scene();
  github.faults.add({ kind: "lost-answer" }, { route: PATCH, times: 1 });
  sync.set(desired("backup"));
  await eventually(() => expect(steps).toEqual(["switched to backup", "verified backup"]));
});

it("who loses the right to write between two tries does not try again", async () => {
  const { github, sync, right, patches } = await scene();
  github.faults.add({ kind: "status", status: 502 }, { route: PATCH });
  sync.set(desired("backup"));
  await eventually(() => expect(patches()).toHaveLength(1));
  right.held = false;
  github.faults.clear();
  await sync.stop();
  sync.set(desired("backup"));
  await sync.stop();
  expect(patches()).toHaveLength(1);
});

it("the right to write is asked for after everything that comes before the request", async () => {
  const { client, patches } = await scene();
  const refused = client.write(desired("backup").url, undefined, () => {
    throw new Error("not any more");
  });
  await expect(refused).rejects.toThrow("not any more");
  expect(patches()).toEqual([]);
});

it("a look changes nothing where all is right, and repairs what is not", async () => {
  const { github, sync, steps, patches } = await scene();
  github.hook.config = {
    url: desired("backup").url,
    content_type: "json",
    insecure_ssl: "0",
    secret: SECRET,
  };
  sync.repair(desired("backup"));
  await eventually(() => expect(steps).toEqual(["verified backup"]));
  expect(patches()).toEqual([]);
  github.hook.config.content_type = "form";
  sync.repair(desired("backup"));
  await eventually(() => expect(github.hook.config.content_type).toBe("json"));
});

it.each([
  ["a refusal is not repeated every moment", { kind: "status", status: 422 }, 30_000],
  ["a limit of GitHub's is kept to", { kind: "secondary-rate-limit", retryAfterS: 7 }, 7_000],
] as const)("%s", async (_, fault, pause) => {
  const { github, sync, steps, sleeps } = await scene();
  github.faults.add(fault, { route: PATCH, times: 1 });
  sync.set(desired("backup"));
  await eventually(() => expect(steps).toContain("verified backup"));
  expect(sleeps).toEqual([pause]);
});
