import { isHolder, readLease, releaseLease, replaceLease } from "../../app/failover/lease-row.ts";
import {
  asWinner,
  type Bid,
  bidFor,
  type Candidate,
  isHeld,
  type LeaseView,
  noteRow,
} from "../../app/failover/lease-rules.ts";
import type { LeaseRow } from "../../app/store/schema.ts";
import { type Action, BrokenRule, type Model } from "./explorer.ts";
import { MemoryStore, type Rows } from "./memory-store.ts";

/** How long the lease lasts, in steps of the clock. */
const TTL = 2;

/** Where an instance is in `ControllerLease.acquire`: it may be paused for any time between two of these. */
type At =
  | { at: "rest" }
  | { at: "asked"; askedAt: number }
  | { at: "read"; askedAt: number; row: LeaseRow | undefined }
  | { at: "bids"; askedAt: number; row: LeaseRow | undefined; bid: Extract<Bid, { kind: "replace" }> }
  | { at: "replaced"; askedAt: number; bid: Extract<Bid, { kind: "replace" }> }
  | { at: "releases" }
  /** In the middle of a transaction under the lease: the lease is locked, unless its token was not checked. */
  | { at: "writes"; locks: boolean };

interface Instance {
  candidate: Candidate;
  process: "runs" | "stopped" | "ended";
  /** How often it was started. */
  starts: number;
  view: LeaseView;
  where: At;
}

interface State {
  now: number;
  instances: Instance[];
  /** The fence file of each instance: the holder against which it stands. */
  fences: Record<string, string>;
  rows: Rows;
}

/** A wrong rule, planted to show that the model finds it. */
export type LeaseFault =
  | "the time counts from the answer"
  | "no fence"
  | "the replacement does not compare the beat"
  | "a write checks no token";

const START: LeaseView = { heldUntil: Number.NEGATIVE_INFINITY, token: 0, seen: undefined };

/**
 * The controller's lease with its fences: instances of the given hosts ask for it, renew it, write under it and give it
 * up. Each may stop, wake, end and start again at every step. Clocks of two hosts go alike, but each reads its own.
 */
export async function leaseModel(
  hosts: readonly string[],
  { starts = 2, fault }: { starts?: number; fault?: LeaseFault } = {},
): Promise<Model<State>> {
  const store = await MemoryStore.open(["leases"]);
  const isFenced = ({ fences }: State, { candidate }: Instance) =>
    fault !== "no fence" && fences[candidate.instance] === candidate.holder;
  const holds = (state: State, one: Instance) => isHeld(one.view, state.now, () => isFenced(state, one));
  const change = (state: State, index: number, to: Partial<Instance>): State => ({
    ...state,
    instances: state.instances.map((one, i) => (i === index ? { ...one, ...to } : one)),
  });
  const inStore = async (state: State, work: () => Promise<Partial<State>>): Promise<State> => {
    store.load(state.rows);
    const changed = await work();
    return { ...state, ...changed, rows: store.save() };
  };
  const holderOf = (state: State, row: LeaseRow) =>
    state.instances.find(({ candidate }) => candidate.instance === row.instance);

  /** Whether a transaction under the lease is open, which a change of the lease waits for. */
  const isLocked = ({ instances }: State) =>
    instances.some(({ where }) => where.at === "writes" && where.locks);

  /** The next step under way; null where the instance rests, or waits for another one. */
  function goOn(state: State, index: number): Action<State> | null {
    const one = state.instances[index] as Instance;
    const { candidate, where, view } = one;
    const { now } = state;
    const name = (does: string) => `${candidate.holder} ${does}`;
    switch (where.at) {
      case "rest":
        return null;
      case "writes":
        return { name: name("commits its write"), next: () => commit(state, index) };
      case "asked":
        return {
          name: name("reads the lease"),
          next: () =>
            inStore(state, async () =>
              change(state, index, { where: { ...where, at: "read", row: await readLease(store.read) } }),
            ),
        };
      case "read":
        return { name: name("judges what it read"), next: () => judge(state, index, where) };
      case "bids":
        if (isLocked(state)) return null;
        return {
          name: name("replaces the lease, if it is as it was read"),
          next: () =>
            inStore(state, async () => {
              const current = await readLease(store.read);
              const row = fault === "the replacement does not compare the beat" ? current : where.row;
              const done = await replaceLease(store, row, where.bid.next);
              return change(state, index, { where: done ? { ...where, at: "replaced" } : { at: "rest" } });
            }),
        };
      case "replaced":
        return {
          name: name("learns that it replaced it"),
          next: () => {
            const askedAt = fault === "the time counts from the answer" ? now : where.askedAt;
            const won = asWinner(view, where.bid.next, { askedAt, ttlMs: TTL, now });
            return change(state, index, { view: won, where: { at: "rest" } });
          },
        };
      case "releases":
        if (isLocked(state)) return null;
        return {
          name: name("gives up the lease"),
          next: () =>
            inStore(state, async () => {
              await releaseLease(store, candidate);
              return change(state, index, { where: { at: "rest" } });
            }),
        };
    }
  }

  function judge(state: State, index: number, where: Extract<At, { at: "read" }>): State {
    const one = state.instances[index] as Instance;
    const { candidate } = one;
    const here = (row: LeaseRow) => row.host === candidate.host;
    const view = noteRow(one.view, where.row, state.now);
    const bid = bidFor(view, where.row, {
      ...{ candidate, ttlMs: TTL, now: state.now },
      isFenced: () => isFenced(state, one),
      isGone: (row) => {
        const holder = holderOf(state, row);
        return here(row) && (holder?.process === "ended" || holder?.candidate.holder !== row.holder);
      },
      isStopped: (row) => here(row) && holderOf(state, row)?.process === "stopped",
    });
    if (bid.kind === "none")
      return change(state, index, {
        view: { ...view, heldUntil: Number.NEGATIVE_INFINITY },
        where: { at: "rest" },
      });
    const { fenceOff } = bid;
    const fences = fenceOff ? { [fenceOff.instance ?? ""]: fenceOff.holder ?? "" } : {};
    return {
      ...change(state, index, { view, where: { ...where, at: "bids", bid } }),
      fences: { ...state.fences, ...fences },
    };
  }

  /** Begins `acquire`: the fence is looked at before anything is read. */
  function ask(state: State, index: number): State {
    const one = state.instances[index] as Instance;
    const where: At = { at: "asked", askedAt: state.now };
    if (!isFenced(state, one)) return change(state, index, { where });
    const { [one.candidate.instance]: _, ...fences } = state.fences;
    const view = { ...one.view, heldUntil: Number.NEGATIVE_INFINITY };
    return { ...change(state, index, { where, view }), fences };
  }

  /** Begins a write under the lease. Other transactions that change the lease wait for its end. */
  function beginWrite(state: State, index: number): Promise<State> {
    const one = state.instances[index] as Instance;
    return inStore(state, async () => {
      const may = await store.write((trx) => isHolder(trx, store, one.candidate, one.view.token));
      const locks = fault !== "a write checks no token";
      if ((locks && !may) || !holds(state, one)) return state;
      return change(state, index, { where: { at: "writes", locks } });
    });
  }

  async function commit(state: State, index: number): Promise<State> {
    const { candidate } = state.instances[index] as Instance;
    store.load(state.rows);
    const row = await readLease(store.read);
    if (row?.holder !== candidate.holder)
      throw new BrokenRule(`${candidate.holder} commits a write, and ${row?.holder} holds the lease`);
    return change(state, index, { where: { at: "rest" } });
  }

  function ofInstance(state: State, index: number): Action<State>[] {
    const one = state.instances[index] as Instance;
    const { candidate, process } = one;
    const act = (does: string, next: Action<State>["next"]) => ({
      name: `${candidate.holder} ${does}`,
      next,
    });
    if (process === "ended") {
      if (one.starts >= starts) return [];
      const again = one.starts + 1;
      const renamed = { ...candidate, holder: `${candidate.instance}${again}` };
      const fresh = { candidate: renamed, process: "runs" as const, starts: again, view: START };
      return [act("starts again", () => change(state, index, { ...fresh, where: { at: "rest" } }))];
    }
    const end = act("is killed", () => change(state, index, { process: "ended", where: { at: "rest" } }));
    if (process === "stopped") return [act("wakes", () => change(state, index, { process: "runs" })), end];
    const stop = act("is stopped", () => change(state, index, { process: "stopped" }));
    const step = goOn(state, index);
    if (step) return [step, stop, end];
    if (one.where.at !== "rest") return [stop, end];
    return [
      act("asks for the lease", () => ask(state, index)),
      ...(holds(state, one)
        ? [
            act("begins a write under the lease", () => beginWrite(state, index)),
            act("decides to give up", () =>
              change(state, index, {
                view: { ...one.view, heldUntil: Number.NEGATIVE_INFINITY },
                where: { at: "releases" },
              }),
            ),
          ]
        : []),
      stop,
      end,
    ];
  }

  return {
    name: `lease of ${hosts.length} instances on ${new Set(hosts).size} host(s)`,
    initial: () => ({
      now: 0,
      instances: hosts.map((host, index) => {
        const instance = String.fromCharCode(97 + index);
        return {
          candidate: { holder: `${instance}1`, instance, host },
          ...{ process: "runs" as const, starts: 1, view: START, where: { at: "rest" } as At },
        };
      }),
      fences: {},
      rows: { leases: [] },
    }),
    actions: (state) => [
      ...state.instances.flatMap((_, index) => ofInstance(state, index)),
      { name: "time passes", next: () => ({ ...state, now: state.now + 1 }) },
    ],
    broken: (state) => {
      const holders = state.instances.filter((one) => one.process === "runs" && holds(state, one));
      if (holders.length < 2) return null;
      return `${holders.map(({ candidate }) => candidate.holder).join(" and ")} act as the controller at once`;
    },
    key: relative,
  };
}

/** The state without what makes no difference: times count from now, and old tokens and beats are only old. */
function relative({ now, instances, fences, rows }: State): string {
  const row = rows.leases?.[0] as LeaseRow | undefined;
  const counters = (of: LeaseRow | undefined) =>
    of && [of.holder, Math.max(-1, of.token - (row?.token ?? 0)), Math.max(-1, of.beat - (row?.beat ?? 0))];
  const left = (time: number) => Math.max(time - now, 0);
  const age = (time: number) => Math.min(now - time, TTL);
  return JSON.stringify([
    row?.holder,
    fences,
    instances.map(({ candidate, process, view, where }) => [
      ...[candidate.holder, process, left(view.heldUntil), Math.max(-1, view.token - (row?.token ?? 0))],
      view.seen && [counters(view.seen.row), age(view.seen.since)],
      where.at,
      "locks" in where && where.locks,
      "askedAt" in where ? age(where.askedAt) : null,
      "row" in where ? counters(where.row) : null,
      "bid" in where ? [counters(where.bid.next), where.bid.renewing] : null,
    ]),
  ]);
}
