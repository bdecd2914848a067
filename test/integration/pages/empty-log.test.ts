import { html } from "hono/html";
import { expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { deploymentPage } from "../../../app/pages/deployments/deployment-page.ts";
import type { PageOptions } from "../../../app/pages/page-options.ts";
import type { DeploymentRow } from "../../../app/store/schema.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { newStore } from "../../helpers/stores.ts";

const DAY_MS = 24 * 60 * 60_000;
const ended = (status: DeploymentRow["status"], agoMs: number) => ({
  status,
  started_at: Date.now() - agoMs,
  finished_at: Date.now() - agoMs,
});

it.each<[string, Partial<Pick<DeploymentRow, "status" | "started_at" | "finished_at">>, string]>([
  ["waits", { status: "queued" }, "waits for its turn"],
  ["runs", { status: "running" }, "has written nothing so far"],
  ["has just ended", ended("failed", DAY_MS), "wrote nothing"],
  ["ended long ago", ended("failed", 91 * DAY_MS), "is not kept any more"],
  ["never began", { ...ended("superseded", DAY_MS), started_at: null }, "was not run"],
])("a deployment without a log that %s says why there is none", async (_what, state, words) => {
  const store = await newStore("sqlite");
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  const { deployments } = await acceptor.accept(runArrival(1, [testTarget()]));
  const id = deployments[0]?.id ?? "";
  await store.write((trx) => trx.updateTable("deployments").set(state).where("id", "=", id).execute());
  const options = {
    store,
    now: () => Date.now(),
    config: {
      targets: [testTarget()],
      environment: { githubUrl: "https://github.com" },
      retention: { logs: 90 * DAY_MS },
    },
  } as unknown as PageOptions;
  const page = await deploymentPage(options, { kind: "admin" }, id, { withLog: true });
  expect(String(await page.arrange(() => html``))).toContain(words);
});
