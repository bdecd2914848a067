import fc from "fast-check";
import { expect, it } from "vitest";
import { commit } from "../../../app/accept/commit.ts";
import { releaseWaiting } from "../../../app/accept/release-waiting.ts";
import { rollBack } from "../../../app/accept/roll-back.ts";
import { cancel } from "../../../app/queue/cancel.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import { endHold, setHold } from "../../../app/queue/hold.ts";
import { interrupt } from "../../../app/queue/interrupt.ts";
import { retry } from "../../../app/queue/retry.ts";
import type { DeploymentRecord } from "../../../app/store/schema.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { type Engine, newStore } from "../../helpers/stores.ts";

const RUNS = 5;
const HELD = { repositoryKey: "acme/site", repository: "acme/site" };
const run = fc.integer({ min: 1, max: RUNS });
const attempt = fc.integer({ min: 1, max: 2 });

const step = fc.oneof(
  fc.record({ do: fc.constant("event" as const), run, attempt }),
  fc.record({
    ...{ do: fc.constant("job" as const), run, attempt, via: attempt },
    environment: fc.constantFrom("production", "Production", "staging", undefined),
  }),
  fc.record({ do: fc.constantFrom("manual" as const, "retry" as const, "cancel" as const), run, attempt }),
  fc.record({
    do: fc.constant("protect" as const),
    rules: fc.constantFrom<string[]>([], ["required_reviewers"]),
  }),
  fc.record({
    do: fc.constantFrom("hold" as const, "release" as const, "rollback" as const, "judge" as const),
  }),
  { weight: 4, arbitrary: fc.record({ do: fc.constant("claim" as const) }) },
  fc.record({
    do: fc.constant("end" as const),
    status: fc.constantFrom("succeeded" as const, "failed" as const, "interrupted" as const),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

type Store = Awaited<ReturnType<typeof newStore>>;

/** Works a target of its own by these steps. Throws where a deployment begins without the proof that it needs. */
async function play(store: Store, name: string, queue: "all" | "latest", steps: readonly Step[]) {
  const target = testTarget({ name, approval: "auto", queue });
  const held = { ...HELD, target: name };
  const by = { instance: "primary", now: Date.now() };
  let isProtected = false;
  let claims = 0;
  let running: DeploymentRecord | null = null;
  /** The deployments that may begin: by an approved job, by a person, or since they had begun before. */
  const proven = new Set<string>();
  const log: string[] = [];

  const protect = (rules: string[]) =>
    store.write((trx) =>
      trx
        .updateTable("targets")
        .set({ protection: JSON.stringify({ environment: "production", rules }) })
        .where("target", "=", name)
        .execute(),
    );
  const accept = async (
    { run, attempt }: { run: number; attempt: number },
    options: Parameters<typeof runArrival>[2],
    approvedFor?: string,
  ) => {
    const arrival = { ...runArrival(run, [target], { attempt, ...options }), approvedFor };
    const [accepted] = await commit(store, [arrival], by);
    return accepted?.conflict ? undefined : accepted?.deployments[0]?.id;
  };
  const find = ({ run, attempt }: { run: number; attempt: number }) =>
    store.read
      .selectFrom("deployments")
      .select(["id", "attempt"])
      .where("target", "=", name)
      .where("run_id", "=", run)
      .where("run_attempt", "=", attempt)
      .executeTakeFirst();

  const take = async (one: Step): Promise<void> => {
    switch (one.do) {
      case "event":
        await accept(one, { guid: `${name} ${one.run} ${one.attempt}` });
        return;
      case "job": {
        const before = await find(one);
        const id = await accept(one, { source: "action", viaRunAttempt: one.via }, one.environment);
        const after = await find(one);
        if (!id) return;
        // Each attempt needs a proof of its own.
        if (before && after && after.attempt > before.attempt) proven.delete(id);
        if (one.environment?.toLowerCase() === "production") proven.add(id);
        return;
      }
      case "manual": {
        const id = await accept(one, { source: "manual" });
        if (id) proven.add(id);
        return;
      }
      case "retry": {
        const found = await find(one);
        if (found && (await retry(store, found.id)) === null) proven.add(found.id);
        return;
      }
      case "cancel": {
        const found = await find(one);
        if (found) await cancel(store, found.id);
        return;
      }
      case "protect":
        isProtected = one.rules.length > 0;
        return void (await protect(one.rules));
      case "hold":
        return void (await store.write((trx) =>
          setHold(trx, store, held, { by: "boss", reason: "", until: null }),
        ));
      case "release":
        return void (await store.write((trx) => endHold(trx, store, held, "boss")));
      case "judge":
        return void (await store.write((trx) => releaseWaiting(trx, store, [target], by)));
      case "rollback": {
        const request = { to: "previous", reason: "", hold: false, force: false, by: "boss" };
        const done = await rollBack(store, target, request, by);
        if (!("reason" in done)) proven.add(done.deployment.id);
        return;
      }
      case "claim": {
        const claimed = await claim(store, {
          ...{ repositoryKey: "acme/site", target: name, queue, lock: null, workflow: target.workflow },
          ...{ holder: `run_${++claims}`, instance: "primary", host: "host-1", rules: target },
        });
        if (claimed.kind !== "claimed") return;
        running = claimed.deployment;
        const isAgain = running.interruptions > 0;
        if (isProtected && !isAgain) expect([...proven], log.join("\n")).toContain(running.id);
        return;
      }
      case "end": {
        if (!running) return;
        const lease = { deploymentId: running.id, holder: running.holder ?? "", token: running.token };
        if (one.status === "interrupted")
          await interrupt(store, running, "retry", "its worker process ended");
        else await finish(store, lease, { status: one.status, exitCode: 0, reason: null });
        running = null;
      }
    }
  };
  // Each target has a row and is known to be unprotected before its first run.
  await store.write((trx) => setHold(trx, store, held, { by: "boss", reason: "", until: null }));
  await store.write((trx) => endHold(trx, store, held, "boss"));
  await protect([]);
  for (const one of steps) {
    log.push(JSON.stringify(one));
    await take(one);
  }
}

it.each([
  ["sqlite", 40],
  ["postgres", 5],
] as const satisfies [Engine, number][])(
  "on %s, in any order of events, jobs, people's acts and changes of protection, nothing begins without its proof",
  async (engine, numRuns) => {
    const store = await newStore(engine);
    let games = 0;
    const game = fc.asyncProperty(
      fc.constantFrom("all" as const, "latest" as const),
      fc.array(step, { minLength: 10, maxLength: 40 }),
      (queue, steps) => play(store, `production-${++games}`, queue, steps),
    );
    await fc.assert(game, { seed: 20_241_128, numRuns, endOnFailure: true });
  },
);
