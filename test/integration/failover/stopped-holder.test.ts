import { describe, expect, it } from "vitest";
import { ControllerLease, NotControllerError } from "../../../app/failover/controller-lease.ts";
import { PeerProcesses } from "../../../app/failover/peer-processes.ts";
import { identify } from "../../../app/run/process-identity.ts";
import { RunRegistry } from "../../../app/run/run-registry.ts";
import type { LeaseRow } from "../../../app/store/schema.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { newStore, temporaryDirectory } from "../../helpers/stores.ts";

const TTL_MS = 2_000;
const alive = () => false;

/** Two processes that want the lease, of which some are stopped. */
async function scene() {
  const store = await newStore("sqlite");
  const clock = new ManualClock();
  const registry = new RunRegistry(temporaryDirectory());
  const { fences } = new PeerProcesses({ config: {} as never, self: {} as never, registry });
  const stopped = new Set<string>();
  const lease = (name: string) =>
    new ControllerLease({
      ...{ store, clock, ttlMs: TTL_MS },
      candidate: { holder: `${name} 1`, instance: name, host: "host-1" },
      isStopped: ({ instance }) => stopped.has(instance ?? ""),
      fences,
    });
  return { clock, stopped, fences, a: lease("a"), b: lease("b") };
}

describe("the lease of a stopped process", () => {
  it("passes to another at once, although its time is not over", async () => {
    const { stopped, a, b } = await scene();
    await a.acquire(alive);
    expect(await b.acquire(alive)).toEqual({ held: false, taken: false });
    stopped.add("a");
    expect(await b.acquire(alive)).toEqual({ held: true, taken: true });
  });

  it("is not held any more when the process wakes, although by its own clock it still is", async () => {
    const { clock, stopped, a, b } = await scene();
    await a.acquire(alive);
    stopped.add("a");
    await b.acquire(alive);
    clock.ms += 500;
    stopped.delete("a");
    expect(a.held).toBe(false);
    await expect(a.write(async () => {})).rejects.toBeInstanceOf(NotControllerError);
    expect(await a.acquire(alive)).toEqual({ held: false, taken: false });
    expect([a.held, b.held]).toEqual([false, true]);
  });

  it("is not held when the process was stopped in the middle of a renewal", async () => {
    const { stopped, a, b } = await scene();
    await a.acquire(alive);
    const renewal = a.acquire(alive);
    stopped.add("a");
    await b.acquire(alive);
    await renewal;
    expect(a.held && b.held).toBe(false);
  });

  it("is taken anew by a process that woke before another one had taken it", async () => {
    const { a, fences } = await scene();
    await a.acquire(alive);
    fences.raise({ instance: "a", holder: "a 1" } as LeaseRow);
    expect(a.held).toBe(false);
    expect(await a.acquire(alive)).toEqual({ held: true, taken: true });
    expect(await a.acquire(alive)).toEqual({ held: true, taken: false });
  });
});

it("a fence against one process means nothing to the next process of its name", () => {
  const registry = new RunRegistry(temporaryDirectory());
  registry.fence("primary", "primary 12 345");
  expect(registry.isFenced("primary", "primary 12 345")).toBe(true);
  expect(registry.isFenced("primary", "primary 67 890")).toBe(false);
  registry.removeFence("primary");
  expect(registry.isFenced("primary", "primary 12 345")).toBe(false);
});

describe("what the kernel says of an instance's process", () => {
  const self = { name: "backup", host: null };
  const config = { instances: [{ name: "primary", host: null }, self, { name: "far", host: "elsewhere" }] };
  const processes = (registry: RunRegistry) =>
    new PeerProcesses({ config: config as never, self: self as never, registry });
  const me = () => identify(process.pid) as NonNullable<ReturnType<typeof identify>>;

  it("is that it runs, is gone, or nothing", () => {
    const registry = new RunRegistry(temporaryDirectory());
    const note = (runner: ReturnType<typeof me>) =>
      registry.write({ holder: "instance-primary", runner, command: null });
    const known = processes(registry);
    expect(known.state("primary")).toBeUndefined();
    note({ ...me(), startTime: "1" });
    expect(known.state("primary")).toBe("gone");
    // Its successor is found when it has taken the name.
    note(me());
    expect(known.state("primary")).toBe("running");
    note({ ...me(), pidNamespace: "another" });
    expect(processes(registry).state("primary")).toBeUndefined();
  });

  it("is nothing for an instance of another host, even where one of its name once ran here", () => {
    const registry = new RunRegistry(temporaryDirectory());
    registry.write({ holder: "instance-far", runner: { ...me(), startTime: "1" }, command: null });
    expect(processes(registry).state("far")).toBeUndefined();
  });
});
