import type { Arrival } from "../../app/accept/arrival.ts";
import { commit } from "../../app/accept/commit.ts";
import { type Claim, claim } from "../../app/queue/claim/claim.ts";
import { finish } from "../../app/queue/finish.ts";
import { endHold, setHold } from "../../app/queue/hold.ts";
import { interrupt } from "../../app/queue/interrupt.ts";
import { DEPLOYMENT_LEASE_MS, type Lease, LeaseLostError } from "../../app/queue/lease.ts";
import { renew } from "../../app/queue/renew.ts";
import type { DeploymentRecord, DeploymentRow, TargetRow } from "../../app/store/schema.ts";
import { runArrival, testTarget } from "../helpers/arrivals.ts";
import { type Action, BrokenRule, type Model } from "./explorer.ts";
import { MemoryStore, type Rows } from "./memory-store.ts";

const HELD = { repositoryKey: "acme/site", repository: "acme/site", target: "production" };
/**
 * A step of the clock. After one, a claim is late, and a host without its lease ends its command. After two, the host
 * loses the lease.
 */
const STEP_MS = DEPLOYMENT_LEASE_MS / 2;

/** Where a runner is in `runNext`: it may be paused for any time between two of these. */
type At =
  | { at: "rest" }
  /** It holds the lock of its host, and has cleared away what a dead runner left. */
  | { at: "locked"; cleared: boolean }
  | { at: "occupied"; by: DeploymentRecord }
  /** It has a claim that it asked for at `askedAt`. */
  | { at: "claimed"; deployment: DeploymentRecord; askedAt: number }
  /** Its command runs; the last renewal was asked for at `renewedAt`. */
  | { at: "runs"; deployment: DeploymentRecord; renewedAt: number }
  | { at: "ended"; deployment: DeploymentRecord; lost: boolean };

interface Runner {
  name: string;
  host: string;
  process: "runs" | "stopped" | "ended";
  starts: number;
  where: At;
}

/** A command that runs: of which run, and for which holder. It may outlive its runner on the same host. */
interface Command {
  run: number;
  holder: string;
  host: string;
}

interface State {
  now: number;
  runners: Runner[];
  commands: Command[];
  /** The runs whose event has come; how often the command of each began and succeeded; the run that began last. */
  arrived: number[];
  begun: Record<number, number>;
  succeeded: Record<number, number>;
  newest: number;
  /** How often a person has held the target. */
  holds: number;
  rows: Rows;
}

/** A wrong rule, planted to show that the model finds it. */
export type QueueFault =
  | "a result is written without its token"
  | "a runner does not look at the lease of another host"
  | "leftovers are not ended"
  | "a late claim is not renewed"
  | "the hold ends too early"
  | "an old run is not superseded";

export interface QueueOptions {
  hosts: readonly string[];
  runs: number;
  queue: "latest" | "all";
  /** How often each runner is started. */
  starts: number;
  /** How often a person holds the target. */
  holds: number;
  fault?: QueueFault;
}

/**
 * One target: events arrive in any order, and runners claim, renew, end and take over deployments, while a person holds
 * and releases the target. Each runner may stop, wake, end and start again at every step. Hosts end as a whole.
 */
export async function queueModel(options: QueueOptions): Promise<Model<State>> {
  const { hosts, runs, queue, starts, holds, fault } = options;
  const store = await MemoryStore.open(["targets", "deployments", "deliveries"]);
  const target = testTarget({ name: HELD.target, queue });
  const oneHost = new Set(hosts).size === 1;
  const ids = Array.from({ length: runs }, (_, index) => index + 1);

  const inStore = async (state: State, work: () => Promise<State>): Promise<State> => {
    store.load(state.rows);
    store.time = state.now;
    const changed = await work();
    return { ...changed, rows: store.save() };
  };
  const change = (state: State, index: number, to: Partial<Runner>): State => ({
    ...state,
    runners: state.runners.map((one, i) => (i === index ? { ...one, ...to } : one)),
  });
  const leaseOf = ({ id, holder, token }: DeploymentRecord): Lease => ({
    deploymentId: id,
    holder: holder ?? "",
    token,
  });
  const runOf = ({ run_id }: DeploymentRecord) => run_id ?? 0;
  const hasLock = ({ process, where }: Runner) => process !== "ended" && where.at !== "rest";
  const isHeld = ({ rows }: State) => rows.targets?.[0]?.held_since != null;

  const ask = ({ name, host }: Runner): Promise<Claim> =>
    claim(store, {
      ...{
        repositoryKey: HELD.repositoryKey,
        target: target.name,
        queue,
        workflow: target.workflow,
        lock: null,
      },
      ...{ holder: name, instance: host, host },
    });

  /** The claim of a runner that has the lock of its host. */
  function claims(state: State, index: number, where: Extract<At, { at: "locked" }>): Promise<State> {
    return inStore(state, async () => {
      if (fault === "the hold ends too early")
        await store.write((trx) => endHold(trx, store, HELD, "nobody"));
      const claimed = await ask(state.runners[index] as Runner);
      const held = isHeld(state) && claimed.kind === "claimed" && claimed.deployment.interruptions === 0;
      if (held) throw new BrokenRule(`run ${runOf(claimed.deployment)} begins, and its target is held`);
      if (claimed.kind === "claimed")
        return change(state, index, {
          where: { at: "claimed", deployment: claimed.deployment, askedAt: state.now },
        });
      if (claimed.kind === "occupied" && !where.cleared)
        return change(state, index, { where: { at: "occupied", by: claimed.by } });
      return change(state, index, { where: { at: "rest" } });
    });
  }

  /** `clearAway`: the lock proves that a holder of this host is dead; another host's lease has to run out. */
  function clears(state: State, index: number, by: DeploymentRecord): Promise<State> {
    const { host } = state.runners[index] as Runner;
    const rest = change(state, index, { where: { at: "rest" } });
    const local = by.host === host;
    const looks = fault !== "a runner does not look at the lease of another host";
    if (!local && looks && (by.lease_until ?? 0) > state.now) return Promise.resolve(rest);
    return inStore(state, async () => {
      const ends = local && fault !== "leftovers are not ended";
      const commands = state.commands.filter(({ holder }) => !ends || holder !== by.holder);
      await interrupt(store, by, "retry", "its worker process ended", { ranOut: !local && looks });
      return { ...change(state, index, { where: { at: "locked", cleared: true } }), commands };
    });
  }

  function begins(state: State, index: number, claimed: Extract<At, { at: "claimed" }>): State {
    const { deployment } = claimed;
    const late = fault === "a late claim is not renewed";
    const renewedAt = late ? state.now : claimed.askedAt;
    const { name, host } = state.runners[index] as Runner;
    const run = runOf(deployment);
    const [other] = state.commands;
    if (other) throw new BrokenRule(`run ${run} begins while run ${other.run} runs`);
    if (run < state.newest) throw new BrokenRule(`run ${run} begins after run ${state.newest}`);
    if (state.succeeded[run]) throw new BrokenRule(`run ${run} begins again after its success`);
    return {
      ...change(state, index, { where: { at: "runs", deployment, renewedAt } }),
      commands: [{ run, holder: name, host }],
      begun: { ...state.begun, [run]: (state.begun[run] ?? 0) + 1 },
      newest: run,
    };
  }

  const without = (state: State, holder: string): Command[] =>
    state.commands.filter((command) => command.holder !== holder);

  function records(state: State, index: number, { deployment, lost }: Extract<At, { at: "ended" }>) {
    const rest = change(state, index, { where: { at: "rest" } });
    return inStore(rest, async () => {
      if (lost) {
        await interrupt(store, deployment, "retry", "the lease was lost");
        return rest;
      }
      const lease = leaseOf(deployment);
      if (fault === "a result is written without its token") {
        const now = await store.read.selectFrom("deployments").selectAll().where("id", "=", deployment.id);
        Object.assign(lease, leaseOf((await now.executeTakeFirst()) as DeploymentRecord));
      }
      try {
        await finish(store, lease, { status: "succeeded", exitCode: 0, reason: null });
      } catch (error) {
        if (!(error instanceof LeaseLostError)) throw error;
        return rest;
      }
      const run = runOf(deployment);
      const other = state.commands.find((command) => command.run === run);
      if (other) throw new BrokenRule(`run ${run} is recorded as succeeded while ${other.holder} runs it`);
      return { ...rest, succeeded: { ...state.succeeded, [run]: (state.succeeded[run] ?? 0) + 1 } };
    });
  }

  function renews(state: State, index: number, where: Extract<At, { at: "claimed" | "runs" }>) {
    const { deployment } = where;
    return inStore(state, async () => {
      try {
        await renew(store, leaseOf(deployment));
        const at = where.at === "runs" ? { renewedAt: state.now } : { askedAt: state.now };
        return change(state, index, { where: { ...where, ...at } as At });
      } catch (error) {
        if (!(error instanceof LeaseLostError)) throw error;
        const { name } = state.runners[index] as Runner;
        if (where.at === "claimed") return change(state, index, { where: { at: "rest" } });
        if (oneHost) return state;
        const ended = change(state, index, { where: { at: "ended", deployment, lost: true } });
        return { ...ended, commands: without(state, name) };
      }
    });
  }

  /** The next step of a runner that is at work; empty while it waits for another one. */
  function goOn(state: State, index: number): Action<State>[] {
    const { name, where, host } = state.runners[index] as Runner;
    const step = (does: string, next: Action<State>["next"]) => ({ name: `${name} ${does}`, next });
    switch (where.at) {
      case "rest":
        if (state.runners.some((other) => other.host === host && hasLock(other))) return [];
        if (!hasWork(state)) return [];
        return [
          step("takes the lock of its host", () =>
            change(state, index, { where: { at: "locked", cleared: false } }),
          ),
        ];
      case "locked":
        return [step("claims", () => claims(state, index, where))];
      case "occupied":
        return [step(`clears away what ${where.by.holder} left`, () => clears(state, index, where.by))];
      case "claimed":
        // `refreshLease`, which renews the lease of a claim that was answered late.
        if (!oneHost && where.askedAt < state.now && fault !== "a late claim is not renewed")
          return [step("renews its lease before it begins", () => renews(state, index, where))];
        return [step(`begins run ${runOf(where.deployment)}`, () => begins(state, index, where))];
      case "runs":
        return [
          step("ends its command well", () => ({
            ...change(state, index, { where: { at: "ended", deployment: where.deployment, lost: false } }),
            commands: without(state, name),
          })),
          ...(where.renewedAt < state.now
            ? [step("renews its lease", () => renews(state, index, where))]
            : []),
          ...(isOverdue(state, where)
            ? [
                step("ends its command, since it cannot renew its lease", () => ({
                  ...change(state, index, {
                    where: { at: "ended", deployment: where.deployment, lost: true },
                  }),
                  commands: without(state, name),
                })),
              ]
            : []),
        ];
      case "ended":
        return [step("records the result", () => records(state, index, where))];
    }
  }

  /** On several hosts a command ends before its lease does, so the clock does not pass this point. */
  const isOverdue = (state: State, { renewedAt }: { renewedAt: number }) =>
    !oneHost && state.now - renewedAt >= STEP_MS;
  const hasWork = ({ rows }: State) =>
    (rows.deployments as unknown as DeploymentRow[]).some(
      ({ status }) => status === "queued" || status === "running",
    );

  function ofRunner(state: State, index: number): Action<State>[] {
    const one = state.runners[index] as Runner;
    const step = (does: string, next: Action<State>["next"]) => ({ name: `${one.name} ${does}`, next });
    if (one.process === "ended") {
      if (one.starts >= starts) return [];
      const name = `${one.name.split(".")[0]}.${one.starts + 1}`;
      const fresh = { name, process: "runs" as const, starts: one.starts + 1, where: { at: "rest" } as At };
      return [step("starts again", () => change(state, index, fresh))];
    }
    const end = step(oneHost ? "is killed" : "and its host end", () => ({
      ...change(state, index, { process: "ended", where: { at: "rest" } }),
      // On one host the command goes on without its runner.
      commands: oneHost ? state.commands : state.commands.filter(({ host }) => host !== one.host),
    }));
    if (one.process === "stopped")
      return [step("wakes", () => change(state, index, { process: "runs" })), end];
    // A host that stands still with its command, and wakes after its lease, is not covered: see docs/evidence.md.
    const stop = oneHost ? [step("is stopped", () => change(state, index, { process: "stopped" }))] : [];
    return [...goOn(state, index), ...stop, ...(one.where.at === "rest" ? [] : [end])];
  }

  function arrives(state: State, run: number): Promise<State> {
    const arrival: Arrival = runArrival(run, [target], { guid: null });
    return inStore(state, async () => {
      if (fault === "an old run is not superseded")
        await store.write((trx) =>
          trx.updateTable("targets").set({ mark_run_id: 0, mark_run_attempt: 0 }).execute(),
        );
      await commit(store, [arrival], { instance: "primary", now: state.now });
      return { ...state, arrived: [...new Set([...state.arrived, run])].sort() };
    });
  }

  return {
    name: `claims under queue: ${queue}, ${hosts.length} runners on ${new Set(hosts).size} host(s), ${runs} runs`,
    initial: async () => {
      store.load({ targets: [], deployments: [], deliveries: [] });
      return {
        now: STEP_MS,
        runners: hosts.map((host, index) => ({
          name: `r${index + 1}`,
          ...{ host, process: "runs" as const, starts: 1, where: { at: "rest" } as At },
        })),
        ...{ commands: [], arrived: [], begun: {}, succeeded: {}, newest: 0, holds: 0 },
        rows: store.save(),
      };
    },
    actions: (state) => {
      const actions = state.runners.flatMap((_, index) => ofRunner(state, index));
      for (const run of ids)
        if (!state.arrived.includes(run))
          actions.push({ name: `the event of run ${run} arrives`, next: () => arrives(state, run) });
      const held = isHeld(state);
      if (held)
        actions.push({
          name: "a person releases the target",
          next: () =>
            inStore(state, async () => {
              await store.write((trx) => endHold(trx, store, HELD, "a person"));
              return state;
            }),
        });
      else if (state.holds < holds)
        actions.push({
          name: "a person holds the target",
          next: () =>
            inStore(state, async () => {
              await store.write((trx) =>
                setHold(trx, store, HELD, { by: "a person", reason: "a look", until: null }),
              );
              return { ...state, holds: state.holds + 1 };
            }),
        });
      const mustEndFirst = state.runners.some(
        ({ process, where }) => process === "runs" && where.at === "runs" && isOverdue(state, where),
      );
      if (!oneHost && !mustEndFirst)
        actions.push({ name: "15 s pass", next: () => ({ ...state, now: state.now + STEP_MS }) });
      return actions;
    },
    broken: (state) => whyForgotten(state, queue, ids),
    key: relative,
  };
}

/** Once no runner works and nothing waits, each run has its end. */
function whyForgotten(
  { rows, runners, arrived, succeeded, commands }: State,
  queue: "latest" | "all",
  ids: readonly number[],
): string | null {
  const deployments = rows.deployments as unknown as DeploymentRow[];
  for (const { run_id, status } of deployments) {
    const run = run_id ?? 0;
    if (status === "succeeded" && !succeeded[run])
      return `run ${run} is succeeded, and its command never was`;
  }
  const open = deployments.some(({ status }) => status === "queued" || status === "running");
  if (open || commands.length > 0 || runners.some(({ where }) => where.at !== "rest")) return null;
  const failed = (run: number) => deployments.some((d) => d.run_id === run && d.status === "failed");
  const newest = Math.max(...arrived);
  if (arrived.length === ids.length && !succeeded[newest] && !failed(newest))
    return `run ${newest} is the newest, and was not deployed`;
  const inOrder = queue === "all" && arrived.join() === [...ids].join() && deployments.length === ids.length;
  const lost = inOrder
    ? deployments.find((d) => d.status === "superseded" && !isAfter(deployments, d))
    : null;
  return lost ? `run ${lost.run_id} is superseded, and no newer run began before it arrived` : null;
}

/** Whether a newer run began before this one arrived: only then is it superseded under `all`. */
function isAfter(deployments: readonly DeploymentRow[], { seq, run_id }: DeploymentRow): boolean {
  return deployments.some(
    (d) => (d.run_id ?? 0) > (run_id ?? 0) && (d.seq as unknown as number) < (seq as unknown as number),
  );
}

/** The state without names that were drawn, and with times counted from now. */
function relative(state: State): string {
  const deployments = state.rows.deployments as unknown as DeploymentRecord[];
  const [mark] = (state.rows.targets ?? []) as unknown as TargetRow[];
  const left = (time: number | null) => time && Math.max(time - state.now, 0);
  const lease = ({ id, holder, token, status, interruptions }: DeploymentRecord) => {
    const now = deployments.find((d) => d.id === id);
    return [now?.run_id, holder, token - (now?.token ?? 0), status, interruptions];
  };
  return JSON.stringify([
    ...[state.commands, state.arrived, state.begun, state.succeeded, state.newest, state.holds],
    mark && [mark.mark_run_id, mark.mark_run_attempt, mark.held_since != null],
    deployments
      .map((d) => [d.run_id, d.status, d.holder, d.interruptions, left(d.lease_until)])
      .sort((a, b) => Number(a[0]) - Number(b[0])),
    state.runners.map(({ name, process, where }) => [
      ...[name, process, where.at],
      "deployment" in where && lease(where.deployment),
      "by" in where && [lease(where.by), left(where.by.lease_until)],
      "cleared" in where && where.cleared,
      "lost" in where && where.lost,
      "askedAt" in where && where.askedAt < state.now,
      "renewedAt" in where && Math.min(state.now - where.renewedAt, 2 * STEP_MS),
    ]),
  ]);
}
