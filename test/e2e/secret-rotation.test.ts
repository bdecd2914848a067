import { describe, it } from "vitest";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import type { TestHost } from "../helpers/test-host.ts";
import { REPOSITORY, setScene } from "./twins.ts";

const EVENT_EVERY_MS = 400;
const NEW_SECRET = "the secret that is to be used from now on";

/** Whether each instance sees both up; one that was restarted may count as degraded for a while. */
async function allUp(host: TestHost): Promise<boolean> {
  const seen = ["primary", "backup"].map(async (name) => {
    const { endpoints } = (await (await host.admin(name, "GET", "/api/status")).json()) as Status;
    return endpoints.every(({ status }) => status !== "unhealthy");
  });
  return (await Promise.all(seen)).every(Boolean);
}

interface Status {
  endpoints: { status: string }[];
}

describe.concurrent("a change of the webhook secret", () => {
  it.for(["switch", "broadcast"])(
    "by restarting one instance after the other reaches GitHub, and no event is refused meanwhile (%s mode)",
    async (mode, { expect }) => {
      const { github, host } = await setScene("sqlite", { config: { webhook: { mode } } });
      const running = {
        primary: await host.start("primary"),
        backup: await host.start("backup"),
      };
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
      const deployed = async () => (await host.deployments("backup")).map(({ run_id }) => run_id);
      await expect.poll(deployed, { interval: 250 }).toHaveLength(sent.length);
      expect((await deployed()).toSorted()).toEqual(sent.toSorted());
      await github.waitFor(() => github.deliveriesInFlight === 0);
      expect(github.deliveries.filter(({ status_code }) => status_code === 401)).toEqual([]);
      // The App's one URL always led to an instance that was there.
      const missed = github.deliveries
        .filter(({ hook, status_code }) => hook.kind === "app" && status_code >= 300)
        .map(({ url, status, delivered_at }) => [url, status, delivered_at]);
      expect(missed).toEqual([]);
    },
  );
});
