import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import type { Arrival } from "../../../app/accept/arrival.ts";
import { systemClock } from "../../../app/clock.ts";
import { cancel } from "../../../app/queue/cancel.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";

const API = '{"service":"api"}';
const WEB = '{"service":"web"}';

/** A store that accepts, and what arrives for run 100. */
async function setScene(engine: Engine) {
  const target = testTarget();
  const store = await newStore(engine);
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  const accept = async (arrival: Arrival) => {
    const accepted = await acceptor.accept(arrival);
    return { ...accepted, id: accepted.deployments[0]?.id ?? "" };
  };
  const begin = async () => {
    const { name, queue, workflow, lock } = target;
    const place = { repositoryKey: "acme/site", target: name, queue, workflow, lock };
    const claimed = await claim(store, { ...place, holder: "run_1", instance: "primary", host: "host-1" });
    if (claimed.kind !== "claimed") throw new Error(`nothing was claimed: ${claimed.kind}`);
    return claimed.deployment;
  };
  const asked = (payload: string | null, options: Parameters<typeof runArrival>[2] = {}): Arrival => ({
    ...runArrival(100, [target], { source: "action", viaRunAttempt: 1, ...options }),
    payload,
  });
  return {
    store,
    accept,
    acceptor,
    asked,
    begin,
    end: ({ id: deploymentId, token }: { id: string; token: number }, status: "succeeded" | "failed") =>
      finish(store, { deploymentId, holder: "run_1", token }, { status, exitCode: 0, reason: null }),
    event: (options: Parameters<typeof runArrival>[2] = {}) => runArrival(100, [target], options),
    withRef: (arrival: Arrival, ref: string): Arrival => ({
      ...arrival,
      facts: arrival.facts && { ...arrival.facts, ref },
    }),
    payloadOf: async (id: string) =>
      (
        await store.read
          .selectFrom("deployments")
          .select("payload")
          .where("id", "=", id)
          .executeTakeFirstOrThrow()
      ).payload,
  };
}

describe.each(ENGINES)("a second request for one run attempt, on %s", (engine) => {
  it("is refused with another payload, in words that name both and what to do", async () => {
    const { accept, asked, payloadOf } = await setScene(engine);
    const { id } = await accept(asked(API));
    const second = await accept(asked(WEB));
    expect(second).toMatchObject({ deployments: [], conflict: { id } });
    expect(second.conflict?.reason).toBe(
      `another payload is on record for this run attempt; name two targets, or ask in one step: ${id} has ${API}, this request has ${WEB}`,
    );
    expect(await payloadOf(id)).toBe(API);
  });

  it("is refused although both came in one batch", async () => {
    const { acceptor, asked } = await setScene(engine);
    const [first, second] = await Promise.all([asked(API), asked(WEB)].map((a) => acceptor.accept(a)));
    expect([first?.conflict, second?.conflict?.id]).toEqual([null, first?.deployments[0]?.id]);
  });

  it.each<[string, string | null, string | null]>([
    ["asks for none, where the first had one", API, null],
    ["has one, where the first asked for none", null, API],
    ["differs in a number that only exact reading tells apart", "9007199254740993", "9007199254740992"],
  ])("is refused when it %s", async (_what, first, second) => {
    const { accept, asked } = await setScene(engine);
    await accept(asked(first));
    expect((await accept(asked(second))).conflict).not.toBeNull();
  });

  it("shows where two long payloads differ", async () => {
    const { accept, asked } = await setScene(engine);
    const long = (end: string) => JSON.stringify({ files: Array(50).fill("x"), service: end });
    await accept(asked(long("api")));
    const { conflict } = await accept(asked(long("web")));
    expect(conflict?.reason).toMatch(/has ….*"service":"api"}, this request has ….*"service":"web"}$/);
  });

  it("is harmless with the same payload, whatever its spaces and the order of its keys", async () => {
    const { accept, asked } = await setScene(engine);
    const { id } = await accept(asked('{"a": 1, "b": [1.0, 1e400]}'));
    const again = await accept(asked('{"b":[1.0,1e400],"a":1}', { viaRunAttempt: 2 }));
    expect(again).toMatchObject({ id, outcome: "duplicate", conflict: null });
  });

  it("is refused with another ref", async () => {
    const { accept, asked, withRef } = await setScene(engine);
    const { id } = await accept(asked(null));
    const { conflict } = await accept(withRef(asked(null), "refs/tags/v1"));
    expect(conflict?.reason).toBe(
      `another ref is on record for this run attempt; name two targets: ${id} has refs/heads/main, this request has refs/tags/v1`,
    );
  });

  it("does not retry a failed deployment with another payload, and does with the same", async () => {
    const { accept, asked, begin, end, payloadOf } = await setScene(engine);
    const { id } = await accept(asked(API));
    await end(await begin(), "failed");
    expect((await accept(asked(WEB, { viaRunAttempt: 2 }))).conflict).not.toBeNull();
    expect(await accept(asked(API, { viaRunAttempt: 2 }))).toMatchObject({ id, queued: true });
    expect(await payloadOf(id)).toBe(API);
  });

  it("that lies at GitHub is on record as refused, with the reason that GitHub is told", async () => {
    const { accept, asked, store } = await setScene(engine);
    await accept(asked(API));
    const left = asked(WEB, { source: "github_deployment", guid: "github_deployment 7" });
    const { conflict } = await accept(left);
    const rows = await store.read
      .selectFrom("deliveries")
      .selectAll()
      .where("guid", "is not", null)
      .execute();
    expect(rows).toMatchObject([{ outcome: "ignored", deployment_ids: "[]", reason: conflict?.reason }]);
    expect(conflict?.reason.slice(0, 120)).toContain("name two targets, or ask in one step");
  });
});

describe.each(ENGINES)("a deployment that an event brought first, on %s", (engine) => {
  it("is completed by the payload of an Action's request while it waits, once", async () => {
    const { accept, asked, event, payloadOf, begin } = await setScene(engine);
    const { id } = await accept(event());
    expect(await accept(asked(API))).toMatchObject({ id, outcome: "duplicate", conflict: null });
    expect(await payloadOf(id)).toBe(API);
    expect((await accept(asked(WEB))).conflict?.reason).toContain("another payload is on record");
    expect((await begin()).payload).toBe(API);
  });

  it("is completed although the request came in one batch with the event", async () => {
    const { acceptor, asked, event, payloadOf } = await setScene(engine);
    const [first] = await Promise.all([event(), asked(API)].map((a) => acceptor.accept(a)));
    expect(await payloadOf(first?.deployments[0]?.id ?? "")).toBe(API);
  });

  it("takes no payload any more once it has begun, and says why", async () => {
    const { accept, asked, event, begin, payloadOf, end } = await setScene(engine);
    const { id } = await accept(event());
    const running = await begin();
    const late = /^dep_\w+ began by the run's event, without this payload; ask in a job of the workflow/;
    expect((await accept(asked(API))).conflict?.reason).toMatch(late);
    await end(running, "succeeded");
    expect((await accept(asked(API))).conflict?.reason).toMatch(late);
    expect(await payloadOf(id)).toBeNull();
    expect(await accept(asked(null))).toMatchObject({ id, outcome: "duplicate" });
  });

  it("keeps the payload for a retry when it was cancelled before it began", async () => {
    const { accept, asked, event, begin, store } = await setScene(engine);
    const { id } = await accept(event());
    await cancel(store, id);
    expect(await accept(asked(API, { viaRunAttempt: 2 }))).toMatchObject({ id, queued: true });
    expect((await begin()).payload).toBe(API);
  });

  it("stands for the event of its run that comes after an Action's request", async () => {
    const { accept, asked, event, withRef } = await setScene(engine);
    const { id } = await accept(withRef(asked(API), "refs/tags/v1"));
    expect(await accept(event())).toMatchObject({ id, outcome: "duplicate", conflict: null });
  });
});

it.each(ENGINES)("a GUID that comes again with another attempt is another event, on %s", async (engine) => {
  const { accept, event, store } = await setScene(engine);
  const first = await accept(event({ guid: "g" }));
  const second = await accept(event({ guid: "g", attempt: 2 }));
  expect(second.outcome).toBe("deployed");
  expect(second.id).not.toBe(first.id);
  expect(await accept(event({ guid: "g", attempt: 2 }))).toMatchObject({
    outcome: "duplicate",
    id: second.id,
  });
  expect(await accept(event({ guid: "g" }))).toMatchObject({ outcome: "duplicate", id: first.id });
  const attempts = await store.read.selectFrom("deliveries").select(["guid", "run_attempt"]).execute();
  expect(attempts).toContainEqual({ guid: "g", run_attempt: 1 });
  expect(attempts).toContainEqual({ guid: null, run_attempt: 2 });
});
