import { expect, it } from "vitest";
import { isFinal } from "../../shared/deployment.ts";
import { setFailoverScene } from "./failover-scene.ts";
import { REPOSITORY } from "./twins.ts";

const EVERY_MS = 200;

it("a rolling restart of both instances under constant events fails no delivery, and deploys every run once", async () => {
  const scene = await setFailoverScene("sqlite", {
    script: '#!/bin/sh\necho "start - 1 $TWINHOOK_RUN_ID - 0" >> "$TRACE_FILE"\n',
  });
  const { github, host } = scene;
  const runs: number[] = [];
  const sending = setInterval(
    () => runs.push(github.completeRun({ repository: REPOSITORY }).run.id),
    EVERY_MS,
  );
  try {
    for (const name of ["primary", "backup"]) {
      const twin = name === "primary" ? "backup" : "primary";
      expect((await scene.status(twin)).active).toBe(name);
      const going = scene.process(name);
      process.kill(going.pid, "SIGTERM");
      await going.line(({ msg }) => msg?.startsWith("handed over") ?? false);
      expect(await going.ended).toEqual({ code: 0, signal: null });
      expect((await scene.status(twin)).last_failover?.reason).toContain("it is shutting down");
      await scene.start(name);
      await scene.until(twin, ({ endpoints }) => endpoints.every(({ status }) => status === "healthy"));
    }
  } finally {
    clearInterval(sending);
  }
  await github.waitFor(() => github.deliveriesInFlight === 0);

  const failed = github.deliveries.filter(({ status }) => status !== "OK");
  expect(failed).toEqual([]);
  // Both took part.
  expect(new Set(github.deliveries.map(({ url }) => new URL(url).port)).size).toBe(2);
  const deployments = await host.deployments("primary");
  expect(deployments.map(({ run_id }) => run_id).toSorted()).toEqual(runs);
  const last = deployments.find(({ run_id }) => run_id === runs.at(-1))?.id as string;
  await host.deployment("primary", last, ({ status }) => isFinal(status));
  const ended = await host.deployments("primary");
  // Requests on two connections may overtake each other; then the older one is not deployed over the newer.
  const deployed = ended.filter(({ status }) => status === "succeeded");
  expect(ended.every(({ status }) => status === "succeeded" || status === "superseded")).toBe(true);
  expect(host.trace().map(({ runId }) => runId)).toEqual(deployed.map(({ run_id }) => run_id).toSorted());
});
