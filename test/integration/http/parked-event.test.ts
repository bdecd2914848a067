import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { PARKED_SCAN, parkedLookup } from "../../../app/catch-up/parked-requests/parked-requests.ts";
import { systemClock } from "../../../app/clock.ts";
import { BodyReader } from "../../../app/http/body-reader.ts";
import { webhookEntrance } from "../../../app/http/webhook-entrance.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import { startGitHub } from "../../simulator/simulator.ts";

/** A webhook entrance, and a GitHub that delivers there. */
async function scene(engine: Engine) {
  const store = await newStore(engine);
  const targets = [testTarget()];
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "backup", onQueued: () => {} });
  const handle = webhookEntrance({
    ...{
      acceptor,
      targets,
      bodies: new BodyReader(),
      verify: async () => true,
      log: pino({ level: "silent" }),
    },
    onParked: parkedLookup(store, targets),
  });
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const github = await startGitHub({ hookUrl: `http://127.0.0.1:${port}/` });
  onTestFinished(() => github.close());
  for (const name of ["acme/site", "acme/unwatched"]) github.addRepository(name);
  /** Makes a GitHub Deployment, and resolves with how its event was answered. */
  const make = async (repository: string, payload: object, task = "twinhook") => {
    const before = github.deliveries.length;
    await fetch(`${github.url}/repos/${repository}/deployments`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${github.githubToken(repository, { deployments: "write" })}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ ref: "main", task, auto_merge: false, required_contexts: [], payload }),
    });
    return github.waitFor(() => github.deliveries.length > before && github.deliveries[0]?.status_code);
  };
  const asked = () =>
    store.read.selectFrom("scans").select(["place", "asked"]).where("scan", "=", PARKED_SCAN).execute();
  return { make, asked };
}

describe.each(ENGINES)("the event of a GitHub Deployment, on %s", (engine) => {
  it("has its repository looked at when an Action left a request in it", async () => {
    const { make, asked } = await scene(engine);
    expect(await make("acme/site", { twinhook: { repository: "acme/site" } })).toBe(200);
    expect(await asked()).toEqual([{ place: "acme/site", asked: 1 }]);
  });

  it.each([
    ["the App made", "acme/site", { twinhook: { id: "dep_1" } }, "twinhook"],
    ["somebody else made", "acme/site", { twinhook: {} }, "deploy"],
    ["is of a repository without a target", "acme/unwatched", { twinhook: {} }, "twinhook"],
  ])("costs no call when it is one that %s", async (_what, repository, payload, task) => {
    const { make, asked } = await scene(engine);
    expect(await make(repository, payload, task)).toBe(200);
    expect(await asked()).toEqual([]);
  });
});
