import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { testTarget } from "../../helpers/arrivals.ts";
import { setScans } from "../../helpers/scans.ts";
import { ENGINES } from "../../helpers/stores.ts";
import type { RequestRecord } from "../../simulator/answer-request.ts";
import type { GitHub } from "../../simulator/simulator.ts";

const LOG = "GET /app/hook/deliveries";
const ONE = "GET /app/hook/deliveries/*";
const MINUTE_MS = 60_000;

describe.each(ENGINES)("the catch-up on %s", (engine) => {
  it("accepts what could not be delivered, in the order of the runs, each under its event's GUID", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    const [first, second] = [101, 102];
    // GitHub sends the completion of the newer run first.
    const newer = github.completeRun({ repository: "acme/site", runId: second });
    await newer.done;
    const older = github.completeRun({ repository: "acme/site", runId: first });
    await older.done;

    await scene.scan();
    expect(await scene.deployments()).toMatchObject([
      { run_id: first, status: "queued", source: "catch_up" },
      { run_id: second, status: "queued", source: "catch_up" },
    ]);
    const guids = (await scene.deliveries()).map(({ guid }) => guid);
    expect(guids.sort()).toEqual([older.guid, newer.guid].sort());
    expect(await scene.lastScan()).toMatchObject({ found: 2, accepted: 2 });
  });

  it("fetches by their whole ids, above 2^53, only what matters and is not on record", async () => {
    const scene = await setScans(engine);
    const { github, acceptor } = scene;
    const wanted = github.completeRun({ repository: "acme/site" });
    const started = github.completeRun({ repository: "acme/site", action: "requested" });
    const delivered = github.completeRun({ repository: "acme/site", conclusion: "failure" });
    const other = github.send("push", { ref: "refs/heads/main", repository: {} });
    await Promise.all([wanted, started, delivered, other].map(({ done }) => done));
    // Its delivery was cut off after the receiver had noted and ignored it.
    await acceptor.accept({
      source: "webhook",
      guid: delivered.guid,
      event: "workflow_run",
      action: "completed",
      facts: null,
      repository: "acme/site",
      targets: [],
      ignored: "the run did not succeed (conclusion failure)",
      payload: null,
      viaRunAttempt: null,
    });

    await scene.scan();
    const { id } = await wanted.delivery;
    expect(id).toBeGreaterThan(2n ** 53n);
    expect(scene.requests(ONE).map(({ path, status }) => [path, status])).toEqual([
      [`/app/hook/deliveries/${id}`, 200],
    ]);
    expect(scene.requests(LOG).map(({ query }) => query)).toEqual([{ per_page: "100" }]);
  });

  it("takes the tries of an event for one, and asks for no status: a redirect would count as success", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    const { delivery } = github.completeRun({ repository: "acme/site" });
    await github.redeliver((await delivery).id);
    await scene.scan();
    expect(scene.requests(ONE)).toHaveLength(1);
    expect(await scene.deployments()).toHaveLength(1);
  });

  it("notes what it ignores, and neither fetches nor judges it again", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    const failed = github.completeRun({ repository: "acme/site", conclusion: "failure" });
    const strange = github.send("workflow_run", { action: "completed", repository: {} });
    await Promise.all([failed.done, strange.done]);
    const { pause } = await scene.scan();
    expect(pause).toBe(MINUTE_MS);
    clock.advance(pause);
    await clock.asleep();
    expect(scene.requests(LOG)).toHaveLength(2);
    expect(scene.requests(ONE)).toHaveLength(2);
    expect((await scene.deliveries()).map(({ outcome }) => outcome)).toEqual(["ignored", "ignored"]);
    expect(await scene.lastScan()).toMatchObject({ found: 0, accepted: 0 });
  });

  it("deploys nothing that was delivered before its target was first watched, and does not even fetch it", async () => {
    const scene = await setScans(engine);
    const { github, store } = scene;
    for (let i = 0; i < 3; i++) await github.completeRun({ repository: "acme/site" }).done;
    await store.write((trx) =>
      trx
        .updateTable("targets")
        .set({ watch_from: github.clock.now() + 60_000 })
        .execute(),
    );
    github.clock.advance(2 * MINUTE_MS);
    const runs = await scene.completeRuns(1);
    await scene.scan();
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual(runs);
    expect(scene.requests(ONE)).toHaveLength(1);
  });

  it("deploys an event to the targets that were watched when it was delivered, and to no newer one", async () => {
    const newer = testTarget({ name: "newer", queue: "all" });
    const scene = await setScans(engine, { targets: [testTarget(), newer] });
    const { github, store } = scene;
    await store.write((trx) =>
      trx
        .updateTable("targets")
        .set({ watch_from: github.clock.now() + MINUTE_MS })
        .where("target", "=", "newer")
        .execute(),
    );
    await scene.completeRuns(1);
    await scene.scan();
    expect((await scene.deployments()).map(({ target }) => target)).toEqual(["production"]);
  });

  it("reads back to the last complete look and ten minutes more, page by page", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    const { scans } = await scene.scan();
    github.clock.advance(5 * MINUTE_MS);
    await scene.sendOthers(150);
    void scans.catchUp();
    await clock.asleep();
    expect(
      scene
        .requests(LOG)
        .slice(1)
        .map(({ query }) => query.cursor !== undefined),
    ).toEqual([false, true]);
    const known = scene.requests(LOG).length;

    github.clock.advance(11 * MINUTE_MS);
    void scans.catchUp();
    await clock.asleep();
    void scans.catchUp();
    await clock.asleep();
    // The last one ends on its first page: all of it was sent more than ten minutes before the look before.
    const read = scene.requests(LOG).slice(known);
    expect(read.filter(({ status }) => status === 200)).toHaveLength(3);
  });

  it("finds a row that shows behind newer ones, because its receiver took long to fail", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    const silent = createServer(() => {});
    await once(silent.listen(0, "127.0.0.1"), "listening");
    onTestFinished(() => silent.closeAllConnections());
    const elsewhere = github.hook.config.url;
    github.hook.config.url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const slow = github.completeRun({ repository: "acme/site" });
    await once(silent, "request");
    github.clock.advance(5 * MINUTE_MS);
    github.hook.config.url = elsewhere;
    withoutReconciling(github);
    await scene.sendOthers(1);
    const { scans } = await scene.scan();
    expect(await scene.deployments()).toEqual([]);

    silent.close();
    silent.closeAllConnections();
    await slow.done;
    void scans.catchUp();
    await clock.asleep();
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([slow.run.id]);
  });

  it("understands payloads of a webhook that sends forms, and those without an installation", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    const plain = github.completeRun({ repository: "acme/site" });
    const asForm = github.completeRun({ repository: "acme/site" });
    await Promise.all([plain.done, asForm.done]);
    const rows = github.deliveries;
    for (const row of rows) {
      const { installation: _installation, ...event } = row.request.payload;
      row.request.payload = row.guid === asForm.guid ? { payload: JSON.stringify(event) } : event;
    }
    await scene.scan();
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([plain.run.id, asForm.run.id]);
  });

  it("goes on where it was when it is cut short, and loses nothing", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    const runs = await scene.completeRuns(30);
    await scene.sendOthers(120);
    withoutReconciling(github);
    // The first 8 are fetched, and then GitHub asks to be left alone.
    let answers = 0;
    void github.waitFor((change) => {
      answers += Number(
        change?.type === "answer" && scene.requests(ONE).includes(change.subject as RequestRecord),
      );
      if (answers === 8)
        github.faults.add({ kind: "secondary-rate-limit", retryAfterS: 17 }, { route: `${LOG}/*` });
      return answers === 8;
    });
    const { pause } = await scene.scan();
    expect(pause).toBe(17_000);
    expect(await scene.deployments()).toEqual([]);
    expect(await scene.lastScan()).toBeUndefined();

    github.faults.clear();
    clock.advance(17_000);
    await clock.asleep();
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual(runs);
    const fetched = scene.requests(ONE).filter(({ status }) => status === 200);
    expect(fetched).toHaveLength(30);
    expect(scene.requests(LOG)).toHaveLength(2);
  });

  it("is done for who asks after it was cut short only once it has listed what failed since", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    const before = await scene.completeRuns(2);
    withoutReconciling(github);
    github.faults.add({ kind: "secondary-rate-limit", retryAfterS: 17 }, { route: `${LOG}/*`, times: 1 });
    const { scans } = await scene.scan();
    const since = await scene.completeRuns(1);
    const calls = github.requests.length;
    const asked = scans.catchUp();
    // Being asked does not make it call GitHub before the time.
    expect(await clock.asleep()).toBe(17_000);
    expect(github.requests.length).toBe(calls);

    clock.advance(17_000);
    await asked;
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([...before, ...since]);
    const fetched = scene.requests(ONE).filter(({ status }) => status === 200);
    expect(fetched).toHaveLength(3);
  });

  it("leaves a fifth of the hour's calls for the webhook's URL, and waits for the next hour", async () => {
    const scene = await setScans(engine, { github: { rateLimits: { app: 200 } } });
    const { github, clock } = scene;
    await scene.completeRuns(250);
    withoutReconciling(github);
    await scene.scan();
    const calls = () => scene.requests(`${LOG}.*`);
    const used = calls().length;
    // What was under way when the fifth was reached is answered yet.
    expect(used).toBeGreaterThan(150);
    expect(used).toBeLessThan(175);
    for (let minute = 0; minute < 58; minute++) {
      clock.advance(MINUTE_MS);
      await clock.asleep();
    }
    expect(calls()).toHaveLength(used);
    expect(calls().every(({ status }) => status === 200)).toBe(true);
  });

  it("ends although new deliveries keep coming while it reads", async () => {
    const scene = await setScans(engine);
    const { github } = scene;
    await scene.sendOthers(250);
    let ended = false;
    const flood = github.waitFor((change) => {
      if (change?.type === "answer" && scene.requests(LOG).includes(change.subject as RequestRecord))
        for (let i = 0; i < 100; i++) github.send("ping", {});
      return ended;
    });
    await scene.scan();
    ended = true;
    await Promise.all([flood, scene.sendOthers(1)]);
    expect(scene.requests(LOG)).toHaveLength(3);
  });

  it("passes over a payload that GitHub cannot give, or keeps no more, and accepts the others", async () => {
    const scene = await setScans(engine);
    const { github, clock } = scene;
    const [gone, broken, good] = [1, 2, 3].map((runId) =>
      github.completeRun({ repository: "acme/site", runId, branch: "main" }),
    ) as [Sent, Sent, Sent];
    const [goneId, brokenId] = [(await gone.delivery).id, (await broken.delivery).id];
    await good.done;
    github.faults.add({ kind: "status", status: 404 }, { route: `GET /app/hook/deliveries/${goneId}` });
    github.faults.add({ kind: "status", status: 500 }, { route: `GET /app/hook/deliveries/${brokenId}` });
    withoutReconciling(github);
    const { scans } = await scene.scan();
    for (let tries = 1; tries < 10 && !(await scene.lastScan()); tries++) {
      // Being asked does not begin the tries anew.
      void scans.catchUp();
      clock.advance(MINUTE_MS);
      await clock.asleep();
    }
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([good.run.id]);
  });

  it("tries again soon while GitHub is away, with longer and longer pauses, and says so", async () => {
    const scene = await setScans(engine);
    const { github, clock, lines } = scene;
    const { run, done } = github.completeRun({ repository: "acme/site" });
    await done;
    await github.goDown();
    const pauses: number[] = [];
    let { pause } = await scene.scan();
    for (let i = 0; i < 6; i++) {
      pauses.push(pause);
      clock.advance(pause);
      pause = await clock.asleep();
    }
    expect(pauses).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    expect(lines.some(({ msg }) => msg.startsWith("the catch-up failed, retry in 5 s"))).toBe(true);
    await github.comeBack();
    clock.advance(pause);
    await clock.asleep();
    expect((await scene.deployments()).map(({ run_id }) => run_id)).toEqual([run.id]);
  });

  it("writes no look down once another instance has become the controller", async () => {
    const scene = await setScans(engine);
    const { github, clock, lines } = scene;
    const scans = await scene.start("primary");
    await scene.start("backup");
    const { run, done } = github.completeRun({ repository: "acme/site" });
    await done;
    void scans.everywhere();
    await clock.asleep();
    await expect.poll(async () => (await scene.deployments()).map(({ run_id }) => run_id)).toEqual([run.id]);
    expect(await scene.lastScan()).toBeUndefined();
    expect(lines.filter(({ msg }) => msg.includes("tried again"))).toEqual([]);
  });

  it("tells how deliveries to the active endpoint went, each once, and nothing of those before", async () => {
    const scene = await setScans(engine);
    const { github, clock, store, samples } = scene;
    await store.write((trx) =>
      trx
        .insertInto("switchboard")
        .values({
          id: 1,
          active: "primary",
          pinned: null,
          pinned_reason: null,
          pinned_forced: 0,
          webhook_url: null,
          webhook_verified_at: null,
        })
        .execute(),
    );
    await github.send("ping", {}).done;
    const { scans } = await scene.scan();
    expect(samples).toEqual([]);
    await github.send("ping", {}).done;
    await github.send("ping", {}).done;
    for (let i = 0; i < 2; i++) {
      void scans.catchUp();
      await clock.asleep();
    }
    expect(samples).toEqual([
      { endpoint: "primary", ok: false },
      { endpoint: "primary", ok: false },
    ]);
  });
});

/** GitHub's list of runs is left out, which would show them as well. */
function withoutReconciling(github: GitHub): void {
  github.faults.add({ kind: "status", status: 404 }, { route: "GET /repos/*/runs" });
}

type Sent = ReturnType<GitHub["completeRun"]>;
