import { describe, it } from "vitest";
import { isFinal } from "../../shared/deployment.ts";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import type { TestHost } from "../helpers/test-host.ts";
import { REPOSITORY, setScene } from "./twins.ts";

const EVENT_EVERY_MS = 1_000;
const NEW_SECRET = "the secret that is to be used from now on";

/** Whether each instance sees both up, so that one can hand over; who restarted may count as degraded for a while. */
async function allUp(host: TestHost): Promise<boolean> {
  const seen = ["primary", "backup"].map(async (name) => {
    const { endpoints } = (await (await host.admin(name, "GET", "/api/status")).json()) as Status;
    return endpoints.every(({ status }) => status === "healthy" || status === "degraded");
  });
  return (await Promise.all(seen)).every(Boolean);
}

interface Status {
  endpoints: { status: string }[];
}

describe.concurrent("a rolling restart of both instances with a new webhook secret, under constant events", () => {
  it.for(["switch", "broadcast"])(
    "gives the secret to GitHub, fails no delivery, and deploys every run once and in order (%s mode)",
    async (mode, { expect }) => {
      const { github, host } = await setScene("sqlite", { config: { webhook: { mode } } });
      const first = await host.start("primary");
      const running = { primary: first, backup: await host.start("backup") };
      const { hooks } = github.repository(REPOSITORY);
      await github.waitFor(() => github.hook.config.url === host.url("primary", WEBHOOK_PATH));
      await github.waitFor(() => hooks.length === (mode === "broadcast" ? 2 : 0));

      const sent: number[] = [];
      const events = setInterval(() => {
        sent.push(github.completeRun({ repository: REPOSITORY }).run.id);
      }, EVENT_EVERY_MS);
      try {
        const env = { WEBHOOK_SECRET: NEW_SECRET, WEBHOOK_SECRET_PREVIOUS: host.webhookSecret };
        for (const name of ["primary", "backup"] as const) {
          // Whoever restarts both at the same moment leaves nobody to hand over to.
          await expect.poll(() => allUp(host)).toBe(true);
          expect((await running[name].kill("SIGTERM")).code).toBe(0);
          running[name] = await host.start(name, env);
        }
        const secrets = () => new Set([github.hook, ...hooks].map(({ config }) => config.secret));
        await github.waitFor(() => secrets().size === 1 && secrets().has(NEW_SECRET));
        const soFar = sent.length;
        await expect.poll(() => sent.length).toBeGreaterThan(soFar + 3);
      } finally {
        clearInterval(events);
      }
      if (mode === "switch") expect(first.output).toContain("handed over");
      const ended = async () =>
        (await host.deployments("backup"))
          .filter(({ status }) => isFinal(status))
          .map(({ run_id }) => run_id);
      await expect.poll(ended, { interval: 250 }).toHaveLength(sent.length);
      expect((await ended()).toSorted()).toEqual(sent.toSorted());
      // Requests on two connections may overtake each other; then the older one is not deployed over the newer.
      const deployments = await host.deployments("backup");
      expect(deployments.every(({ status }) => status === "succeeded" || status === "superseded")).toBe(true);
      const deployed = deployments.filter(({ status }) => status === "succeeded").map(({ run_id }) => run_id);
      const starts = host.trace().filter(({ what }) => what === "start");
      expect(starts.map(({ runId }) => runId)).toEqual(deployed.toSorted());
      await github.waitFor(() => github.deliveriesInFlight === 0);
      expect(github.deliveries.filter(({ status_code }) => status_code === 401)).toEqual([]);
      // The App's one URL always led to an instance that was there. One that has no time to commit says so (503).
      const missed = github.deliveries
        .filter(({ hook, status_code }) => hook.kind === "app" && status_code >= 300 && status_code !== 503)
        .map(({ url, status, delivered_at }) => [url, status, delivered_at]);
      expect(missed).toEqual([]);
    },
  );
});
