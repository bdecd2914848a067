import { expect, onTestFinished, test } from "vitest";
import { doctor } from "../../../app/cli/doctor/doctor.ts";
import type { Finding } from "../../../app/cli/doctor/finding.ts";
import { thisMachine } from "../../../app/cli/doctor/machine.ts";
import { WEBHOOK_PATH } from "../../../shared/deployment-request.ts";
import { RecordedTerminal } from "../../helpers/recorded-terminal.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { startGitHub } from "../../simulator/simulator.ts";

async function setScene() {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  const host = await TestHost.create({ github, instances: ["primary"] });
  onTestFinished(() => host.close());
  await host.startInProcess("primary");
  github.hook.config.url = host.url("primary", WEBHOOK_PATH);
  return {
    github,
    /** What `doctor --live` measures. */
    async measured() {
      const terminal = new RecordedTerminal(host.env);
      await doctor(terminal, { json: true, live: true }, { ...thisMachine, pollSeconds: 0 });
      const { findings } = terminal.json as { findings: Finding[] };
      return findings.filter(({ check }) => ["calls of the App", "redelivery"].includes(check));
    },
  };
}

test("doctor --live lets GitHub deliver a harmless event again, and tells how late its row shows and where it went", async () => {
  const { github, measured } = await setScene();
  await github.send("ping", { zen: "Keep it logically awesome." }).delivery;
  expect(await measured()).toEqual([
    expect.objectContaining({
      status: "ok",
      found: expect.stringMatching(/^GitHub allows \d+ calls an hour/),
    }),
    expect.objectContaining({
      status: "ok",
      found: expect.stringMatching(/^of a ping event: its row showed within .*; it went to the present URL$/),
    }),
  ]);
  expect(github.deliveries.map(({ event }) => event)).toEqual(["ping", "ping"]);
});

test("doctor --live repeats no event that may deploy", async () => {
  const { github, measured } = await setScene();
  await github.completeRun({ repository: "acme/site" }).delivery;
  const [, redelivery] = await measured();
  expect(redelivery).toMatchObject({ status: "ok", found: expect.stringMatching(/^not measured/) });
  expect(github.deliveries.filter(({ redelivery }) => redelivery)).toEqual([]);
});
