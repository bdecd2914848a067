import { describe, expect, it } from "vitest";
import { commit } from "../../../app/accept/commit.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import { interrupt } from "../../../app/queue/interrupt.ts";
import { retry } from "../../../app/queue/retry.ts";
import type { DeploymentRecord } from "../../../app/store/schema.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";

const WAITS = "waits for an approved job of environment production";

type Options = Parameters<typeof runArrival>[2] & { approvedFor?: string };

/** A target with `approval: auto`, whose queue is worked by hand. */
async function autoQueue(engine: Engine, queue: "all" | "latest" = "latest") {
  const target = testTarget({ approval: "auto", queue });
  const store = await newStore(engine);
  let now = 1_000;
  const accept = async (run: number, { approvedFor, ...options }: Options = {}) => {
    const arrival = { ...runArrival(run, [target], options), approvedFor };
    const [accepted] = await commit(store, [arrival], { instance: "primary", now: ++now });
    return accepted?.deployments[0]?.id ?? "";
  };
  const row = (id: string) =>
    store.read.selectFrom("deployments").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  const next = () =>
    claim(store, {
      ...{ repositoryKey: "acme/site", target: target.name, queue, lock: null, workflow: target.workflow },
      ...{ holder: "runner", instance: "primary", host: "host-1", rules: target },
    });
  const end = ({ id: deploymentId, token }: DeploymentRecord, status: "succeeded" | "failed" = "succeeded") =>
    finish(store, { deploymentId, holder: "runner", token }, { status, exitCode: 0, reason: null });
  return {
    ...{ store, accept, row, next, end },
    approve: (run: number, options: Options = {}) =>
      accept(run, { source: "action", viaRunAttempt: 1, approvedFor: "Production", ...options }),
    /** What GitHub tells of the environment. */
    protect: (rules: string[]) =>
      store.write(async (trx) => {
        const protection = JSON.stringify({ environment: "production", rules });
        const marks = { mark_run_id: 0, mark_run_attempt: 0, mark_run_started_at: 0 };
        await trx
          .insertInto("targets")
          .values({
            ...{ repository: "acme/site", target: target.name, watch_from: 0, protection },
            ...{ ...marks, mark_deployment_id: null },
          })
          .onConflict((c) => c.columns(["repository", "target"]).doUpdateSet({ protection }))
          .execute();
      }),
    /** Begins what comes next. */
    begin: async () => {
      const claimed = await next();
      if (claimed.kind !== "claimed") throw new Error(`expected a deployment, got ${claimed.kind}`);
      return claimed.deployment;
    },
  };
}

describe.each(ENGINES)("a run accepted before its environment was protected, on %s", (engine) => {
  it("does not begin without an approved job, and begins with one", async () => {
    const { accept, approve, protect, next, begin, row } = await autoQueue(engine);
    await protect([]);
    const id = await accept(1);
    await protect(["required_reviewers"]);
    expect(await next()).toEqual({ kind: "held", deploymentId: id });
    expect(await row(id)).toMatchObject({ status: "queued", reason: WAITS });
    expect(await approve(1)).toBe(id);
    expect(await begin()).toMatchObject({ id, reason: null });
  });

  it("begins once the protection is gone", async () => {
    const { accept, protect, next, begin } = await autoQueue(engine);
    await protect([]);
    const id = await accept(1);
    await protect(["wait_timer"]);
    await next();
    await protect([]);
    expect(await begin()).toMatchObject({ id, reason: null });
  });

  it.each(["latest", "all"] as const)("lets an approved run begin, under queue: %s", async (queue) => {
    const { accept, approve, protect, next, begin, end, row } = await autoQueue(engine, queue);
    await protect([]);
    const [older, newer] = [await accept(1), await accept(3)];
    await protect(["wait_timer"]);
    const approved = await approve(2);
    const begun = await begin();
    expect(begun.id).toBe(approved);
    await end(begun);
    expect(await next()).toEqual({ kind: "held", deploymentId: newer });
    expect(await row(older)).toMatchObject({ status: "superseded", superseded_by: approved });
    expect(await row(newer)).toMatchObject({ status: "queued", reason: WAITS });
  });

  it("begins by a person's retry or request", async () => {
    const { store, accept, protect, begin, end, next } = await autoQueue(engine);
    await protect([]);
    const id = await accept(1);
    await end(await begin(), "failed");
    await protect(["wait_timer"]);
    expect(await retry(store, id)).toBeNull();
    expect((await begin()).id).toBe(id);
    await protect([]);
    const other = await accept(2);
    await protect(["wait_timer"]);
    expect((await next()).kind).toBe("occupied");
    expect(await accept(2, { source: "manual" })).toBe(other);
    await store.write((trx) =>
      trx.updateTable("deployments").set({ status: "failed" }).where("id", "=", id).execute(),
    );
    expect((await begin()).id).toBe(other);
  });

  it("goes on after an interruption: it had begun", async () => {
    const { store, accept, protect, begin } = await autoQueue(engine);
    await protect([]);
    const id = await accept(1);
    const begun = await begin();
    await protect(["wait_timer"]);
    expect(await interrupt(store, begun, "retry", "its worker process ended")).toBe("queued");
    expect((await begin()).id).toBe(id);
  });
});
