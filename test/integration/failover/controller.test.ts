import { pino } from "pino";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { configSchema } from "../../../app/config/schema.ts";
import { REPAIR_MS } from "../../../app/failover/active-endpoint.ts";
import { Controller } from "../../../app/failover/controller.ts";
import { type BusEvent, EventBus } from "../../../app/failover/event-bus.ts";
import { HealthWindow } from "../../../app/failover/health-window.ts";
import { lastFailover, pin, readSwitchboard } from "../../../app/failover/switchboard.ts";
import type { WebhookConfig } from "../../../app/github/webhook-config.ts";
import type { Store } from "../../../app/store/store.ts";
import { eventually } from "../../helpers/eventually.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { ENGINES, newStore } from "../../helpers/stores.ts";

const { failover: thresholds } = configSchema.parse({
  instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
});
const ENDPOINTS = ["primary", "backup"].map((name) => ({ name, url: `http://${name}.example` }));
const urlOf = (name: string) => `http://${name}.example/api/github/webhooks`;

/** A GitHub that has nothing but the App's webhook. */
class HookAtGitHub {
  config: WebhookConfig = { url: urlOf("primary"), contentType: "json", insecureSsl: false };
  writes: string[] = [];
  down = false;
  read = async (_signal?: AbortSignal) => {
    if (this.down) throw new Error("GitHub is down");
    return this.config;
  };
  write = async (url: string, _signal?: AbortSignal, beforeSending?: () => void) => {
    beforeSending?.();
    this.writes.push(url);
    if (this.down) throw new Error("GitHub is down");
    this.config = { ...this.config, url };
  };
}

/** One store and one GitHub, with as many controllers as a test starts; time passes by `pass` alone. */
async function scene(store: Store) {
  const clock = new ManualClock();
  const github = new HookAtGitHub();
  const windows = new Map(ENDPOINTS.map(({ name }) => [name, new HealthWindow(thresholds)]));
  const log: { msg: string }[] = [];
  const events: BusEvent[] = [];
  const controllers = new Set<Controller>();
  /** How many looks at the situation each controller has begun. */
  const looks = new Map<Controller, number>();
  const cutOff = new Set<string>();
  const secretChange = { isUnderWay: false, isAgreed: true };
  /** How often what GitHub could not deliver was looked for. */
  let scanned = 0;
  const start = (instance: string): Controller => {
    const bus = new EventBus();
    bus.subscribe((event) => events.push(event));
    const controller: Controller = new Controller({
      store,
      clock,
      candidate: { holder: `${instance} 1`, instance, host: "host" },
      thresholds,
      endpoints: ENDPOINTS,
      secretChange,
      door: null,
      observe: () =>
        ENDPOINTS.map(({ name }) => ({
          name,
          health: (windows.get(name) as HealthWindow).health(clock.monotonic()),
        })),
      isGone: ({ holder }) => holder === null,
      isCutOff: () => {
        looks.set(controller, (looks.get(controller) ?? 0) + 1);
        return cutOff.has(instance);
      },
      github,
      bus,
      onTakeOver: () => {},
      onSwitched: () => {
        scanned += 1;
      },
      log: pino({ level: "info" }, { write: (line) => log.push(JSON.parse(line)) }),
    });
    controllers.add(controller);
    controller.start();
    onTestFinished(() => stop(controller));
    return controller;
  };
  const stop = (controller: Controller) => {
    controllers.delete(controller);
    return controller.close();
  };
  /** Lets time pass, in small steps, with a check of every endpoint in each. */
  const pass = async (ms: number, down: readonly string[] = []) => {
    for (let rest = ms; rest > 0; rest -= 500) await step(Math.min(rest, 500), down);
  };
  const step = async (ms: number, down: readonly string[]) => {
    clock.ms += ms;
    for (const [name, window] of windows)
      if (down.includes(name)) window.failed(clock.ms, 500, "ECONNREFUSED");
      else window.succeeded(clock.ms, 3);
    await Promise.all([...controllers].map(hasLooked));
  };
  /** Resolves when the controller has looked at the situation, and done all that comes of it in the store. */
  const hasLooked = async (controller: Controller) => {
    // The look that is under way may have begun before; the next one is over when another one begins.
    const goal = (looks.get(controller) ?? 0) + 2;
    await eventually(() => {
      controller.wake();
      expect(looks.get(controller)).toBeGreaterThanOrEqual(goal);
    });
  };
  const story = () => log.map(({ msg }) => msg).filter((msg) => msg.includes("is complete"));
  const begin = async () => {
    await pass(500);
    const controller = start("primary");
    await eventually(async () => expect((await readSwitchboard(store))?.webhook_url).toBeTruthy());
    return controller;
  };
  return {
    clock,
    github,
    windows,
    log,
    events,
    cutOff,
    secretChange,
    start,
    stop,
    begin,
    pass,
    story,
    scans: () => scanned,
  };
}

describe.each(ENGINES)("the controller on %s", (engine) => {
  it("reads the routing state only after a change", async () => {
    const store = await newStore(engine);
    const { begin, pass } = await scene(store);
    await begin();
    await pass(1_000);
    const reads = vi.spyOn(store.read, "selectFrom");
    const boards = () => reads.mock.calls.filter(([table]) => String(table) === "switchboard").length;
    // Twice at most: after the URL was read back, and once that write is noticed.
    await pass(10_000);
    expect(boards()).toBeLessThanOrEqual(2);
    const before = boards();
    await pin(store, "backup", null, false);
    await eventually(() => expect(boards()).toBeGreaterThan(before));
  });

  it("a new webhook secret is written once, as soon as all instances accept it", async () => {
    const { begin, github, secretChange, pass } = await scene(await newStore(engine));
    Object.assign(secretChange, { isUnderWay: true, isAgreed: false });
    await begin();
    await pass(60_000);
    expect(github.writes).toEqual([]);
    secretChange.isAgreed = true;
    await pass(1_000);
    await eventually(() => expect(github.writes).toEqual([urlOf("primary")]));
    await pass(60_000);
    expect(github.writes).toHaveLength(1);
  });

  it("continues from what GitHub says, if that is one of the endpoints, and changes nothing", async () => {
    const store = await newStore(engine);
    const { github, begin } = await scene(store);
    github.config.url = urlOf("backup");
    await begin();
    expect(await readSwitchboard(store)).toMatchObject({ active: "backup", webhook_url: urlOf("backup") });
    expect(github.writes).toEqual([]);
  });

  it("leaves its place to another one when that reaches GitHub and it does not", async () => {
    const store = await newStore(engine);
    const { begin, start, cutOff, pass } = await scene(store);
    const controller = await begin();
    const other = start("backup");
    await pass(1_000);
    expect([controller.held, other.held]).toEqual([true, false]);
    cutOff.add("primary");
    await eventually(async () => {
      await pass(500);
      expect([controller.held, other.held]).toEqual([false, true]);
    });
  });

  it("looks for what GitHub could not deliver after a change of any kind", async () => {
    const store = await newStore(engine);
    const { scans, begin, pass } = await scene(store);
    await begin();
    expect(scans()).toBe(0);
    await pin(store, "backup", "trying it", false);
    await pass(500);
    await eventually(() => expect(scans()).toBe(1));
  });

  it("tells the whole story of a failover in one line, and every step of it as an event", async () => {
    const store = await newStore(engine);
    const { clock, github, windows, events, begin, pass, story } = await scene(store);
    const controller = await begin();
    windows.get("primary")?.died(clock.ms, "its process is gone");
    clock.ms += 7;
    controller.wake();
    await eventually(() => expect(story()).toHaveLength(1));
    expect(story()[0]).toBe(
      "failover from primary to backup is complete: primary is unhealthy: its process is gone; " +
        "decided after 7 ms, at GitHub after 7 ms, read back after 7 ms",
    );
    expect(github.config.url).toBe(urlOf("backup"));
    expect(await lastFailover(store)).toMatchObject({ switched_at: clock.ms, verified_at: clock.ms });
    expect(events.map(({ type }) => type)).toEqual(["controller", "failover", "webhook_switched"]);
    expect(events[2]).toMatchObject({ from: "primary", to: "backup", kind: "failover", durationMs: 7 });
    await pass(3_000, ["primary"]);
    expect(github.writes).toHaveLength(1);
  });
});

describe("the controller", () => {
  it("puts a URL right that was changed by hand, within half a minute and no sooner than its look", async () => {
    const { github, events, begin, pass } = await scene(await newStore("sqlite"));
    await begin();
    github.config = { ...github.config, url: "https://elsewhere.example/hook" };
    await pass(2_000);
    expect(github.writes).toEqual([]);
    await pass(REPAIR_MS - 2_000);
    await eventually(() => expect(github.config.url).toBe(urlOf("primary")));
    expect(events).toContainEqual({
      type: "webhook_deviated",
      found: "https://elsewhere.example/hook",
      wanted: urlOf("primary"),
    });
  });

  it("puts a content type and a switched-off TLS verification right as well", async () => {
    const store = await newStore("sqlite");
    const { github, begin } = await scene(store);
    github.config = { ...github.config, insecureSsl: true };
    const writing = vi.spyOn(github, "write");
    await begin();
    expect(writing).toHaveBeenCalledOnce();
  });

  it("tries for as long as GitHub is down, and logs ever fewer of the tries", async () => {
    const store = await newStore("sqlite");
    const { clock, github, windows, log, begin, story } = await scene(store);
    const controller = await begin();
    github.down = true;
    windows.get("primary")?.died(clock.ms, "its process is gone");
    controller.wake();
    await eventually(() => expect(github.writes).toHaveLength(3));
    expect(await lastFailover(store)).toMatchObject({ switched_at: null, abandoned_at: null });
    github.down = false;
    await eventually(() => expect(story()).toHaveLength(1));
    expect(log.filter(({ msg }) => msg.includes("is not set yet")).length).toBe(2);
  });

  it("abandons a change that GitHub has not taken when the decision changes, and never comes back to it", async () => {
    const store = await newStore("sqlite");
    const { clock, github, windows, begin, story } = await scene(store);
    const controller = await begin();
    const { write } = github;
    github.write = async (url, signal, beforeSending) => {
      if (url !== urlOf("backup")) return write(url, signal, beforeSending);
      github.writes.push(url);
      await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    };
    windows.get("primary")?.died(clock.ms, "its process is gone");
    controller.wake();
    await eventually(() => expect(github.writes).toEqual([urlOf("backup")]));
    const first = await lastFailover(store);
    windows.get("primary")?.succeeded(clock.ms, 3);
    windows.get("backup")?.died(clock.ms, "its process is gone");
    controller.wake();
    await eventually(() => expect(story()).toHaveLength(1));
    expect(story()[0]).toContain("failover from backup to primary");
    const rows = await store.read.selectFrom("failovers").selectAll().orderBy("id").execute();
    expect(rows).toMatchObject([
      { id: first?.id, switched_at: null, abandoned_at: clock.ms },
      { to_endpoint: "primary", abandoned_at: null, verified_at: clock.ms },
    ]);
    expect(github.writes.filter((url) => url === urlOf("backup"))).toHaveLength(1);
  });

  it("brings to GitHub what another one decided and did not live to do", async () => {
    const store = await newStore("sqlite");
    const { clock, github, windows, begin, start, stop, events, pass, story } = await scene(store);
    const controller = await begin();
    github.down = true;
    windows.get("primary")?.died(clock.ms, "its process is gone");
    controller.wake();
    await eventually(() => expect(github.writes).toHaveLength(1));
    await stop(controller);
    github.down = false;
    start("backup");
    await pass(500, ["primary"]);
    await eventually(() => expect(story()).toHaveLength(1));
    expect(await lastFailover(store)).toMatchObject({ to_endpoint: "backup", decided_by: "primary" });
    // That is nobody's meddling.
    expect(events.map(({ type }) => type)).not.toContain("webhook_deviated");
  });

  it("recovers to the preferred endpoint once that has been well for ten seconds, and pins hold against it", async () => {
    const store = await newStore("sqlite");
    const { clock, github, windows, begin, pass } = await scene(store);
    const controller = await begin();
    await pass(15_000);
    windows.get("primary")?.died(clock.ms, "its process is gone");
    controller.wake();
    await eventually(() => expect(github.config.url).toBe(urlOf("backup")));
    await pass(9_500);
    expect((await readSwitchboard(store))?.active).toBe("backup");
    await pass(1_000);
    await eventually(() => expect(github.config.url).toBe(urlOf("primary")));
    expect(await lastFailover(store)).toMatchObject({ kind: "recovery", to_endpoint: "primary" });

    await pin(store, "backup", "trying it", false);
    await pass(20_000);
    await eventually(() => expect(github.config.url).toBe(urlOf("backup")));
    windows.get("backup")?.died(clock.ms, "its process is gone");
    controller.wake();
    await eventually(() => expect(github.config.url).toBe(urlOf("primary")));
    expect(await readSwitchboard(store)).toMatchObject({ pinned: null, pinned_reason: null });
  });

  it("says once that all endpoints are down, and leaves the URL", async () => {
    const { github, events, begin, pass } = await scene(await newStore("sqlite"));
    await begin();
    await pass(3_000, ["primary", "backup"]);
    const said = () => events.filter(({ type }) => type === "all_down").length;
    // It is told once the store has it, which takes no time by this clock.
    await eventually(() => expect(said()).toBe(1));
    await pass(3_000, ["primary", "backup"]);
    expect(github.writes).toEqual([]);
    expect(said()).toBe(1);
  });

  it("takes over a fresh installation although GitHub hangs", async () => {
    const store = await newStore("sqlite");
    const { github, start, pass } = await scene(store);
    github.read = (signal) =>
      new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("too late"))));
    await pass(500);
    const controller = start("primary");
    await eventually(async () => expect((await readSwitchboard(store))?.active).toBe("primary"));
    expect(controller.held).toBe(true);
  });
});
