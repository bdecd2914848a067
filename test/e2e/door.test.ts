import { request } from "node:http";
import { describe, expect, it } from "vitest";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { freePort } from "../helpers/free-ports.ts";
import { freezeOutsideTransaction } from "../helpers/freeze.ts";
import { REPOSITORY, setScene } from "./twins.ts";

const CONNECTIONS_PER_S = 200;
/** On a machine that is busy with other tests, fewer are begun. */
const MOST_IN_FLIGHT = 20;
const EVENT_EVERY_MS = 250;

/** Twins that are yet to start, and that share a door. */
async function setDoorScene() {
  const port = await freePort();
  const door = `http://127.0.0.1:${port}`;
  const scene = await setScene("sqlite", { config: { door: { listen: `127.0.0.1:${port}`, url: door } } });
  return { ...scene, door };
}

interface Visit {
  begunAt: number;
  /** The instance that answered. */
  by: string | null;
  /** The code of the error that came instead. */
  failure: string | null;
}

/** Connects anew, asks who is there, and hangs up. */
function visit(door: string): Promise<Visit> {
  const begunAt = performance.now();
  return new Promise((resolve) => {
    const end = (rest: Omit<Visit, "begunAt">) => resolve({ begunAt, ...rest });
    const call = request(`${door}/livez`, { agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () =>
        end({ by: (JSON.parse(text) as { instance: string }).instance, failure: null }),
      );
      response.on("error", (error) => end({ by: null, failure: error.message }));
    });
    call.on("error", (error: NodeJS.ErrnoException) =>
      end({ by: null, failure: error.code ?? error.message }),
    );
    call.end();
  });
}

/** Visits the door 200 times a second, each time by a new connection, until it is told to stop. */
function keepVisiting(door: string) {
  const visits: Promise<Visit>[] = [];
  let inFlight = 0;
  const timer = setInterval(() => {
    if (inFlight === MOST_IN_FLIGHT) return;
    inFlight += 1;
    visits.push(visit(door).finally(() => (inFlight -= 1)));
  }, 1_000 / CONNECTIONS_PER_S);
  return {
    /** Resolves when so many have been begun from now on. */
    more: (count: number) => {
      const goal = visits.length + count;
      return expect.poll(() => visits.length, { interval: 20 }).toBeGreaterThan(goal);
    },
    stop: () => {
      clearInterval(timer);
      return Promise.all(visits);
    },
  };
}

describe("a door that all instances of a host share", () => {
  it("refuses no new connection when one of them is killed, and loses no event", async () => {
    const { host, github, door } = await setDoorScene();
    const [primary] = await Promise.all([host.start("primary"), host.start("backup")]);
    await github.waitFor(() => github.hook.config.url === `${door}${WEBHOOK_PATH}`);

    const visitors = keepVisiting(door);
    const sent: number[] = [];
    let deadAt = 0;
    const events = setInterval(() => {
      sent.push(github.completeRun({ repository: REPOSITORY }).run.id);
    }, EVENT_EVERY_MS);
    try {
      await visitors.more(CONNECTIONS_PER_S);
      await primary.kill("SIGKILL");
      deadAt = performance.now();
      await visitors.more(2 * CONNECTIONS_PER_S);
    } finally {
      clearInterval(events);
    }
    const visits = await visitors.stop();

    const before = visits.filter(({ begunAt }) => begunAt <= deadAt);
    const after = visits.filter(({ begunAt }) => begunAt > deadAt);
    expect(after.filter(({ failure }) => failure !== null)).toEqual([]);
    expect(new Set(after.map(({ by }) => by))).toEqual(new Set(["backup"]));
    expect(visits.filter(({ failure }) => failure === "ECONNREFUSED")).toEqual([]);
    // Both had a share, and what the dead one had in hand is all that was lost.
    expect(new Set(before.map(({ by }) => by))).toContain("primary");
    const lost = before.filter(({ failure }) => failure !== null);
    expect(lost.length).toBeLessThanOrEqual(MOST_IN_FLIGHT);

    // GitHub's own connection may have been among those; then its log tells.
    const deployed = async () => (await host.deployments("backup")).map(({ run_id }) => run_id);
    await expect.poll(deployed, { interval: 250 }).toHaveLength(sent.length);
    expect((await deployed()).sort()).toEqual(sent.sort());
  });

  it("turns nobody away when one of them is stopped and started again", async () => {
    const { host, door } = await setDoorScene();
    const [primary] = await Promise.all([host.start("primary"), host.start("backup")]);
    const visitors = keepVisiting(door);
    await visitors.more(CONNECTIONS_PER_S / 2);
    expect((await primary.kill("SIGTERM")).code).toBe(0);
    await visitors.more(CONNECTIONS_PER_S / 2);
    await host.start("primary");
    await visitors.more(CONNECTIONS_PER_S / 2);
    const visits = await visitors.stop();
    // Those on their way may have come between the last look for newcomers and the closing.
    expect(visits.filter(({ failure }) => failure !== null).length).toBeLessThanOrEqual(MOST_IN_FLIGHT);
    expect(visits.filter(({ failure }) => failure === "ECONNREFUSED")).toEqual([]);
    expect(new Set(visits.slice(-50).map(({ by }) => by))).toEqual(new Set(["primary", "backup"]));
  });
});

describe("npm start", () => {
  it("ends and replaces an instance that is frozen, so that it does not keep its share of the door", async () => {
    const { host, door } = await setDoorScene();
    const supervisor = host.spawn([]);
    const pids = await Promise.all(
      ["primary", "backup"].map(async (name) => {
        await supervisor.line(({ msg, instance }) => msg === "listening" && instance === name);
        const line = await supervisor.line((l) => l.msg === "instance started" && l.name === name);
        return Number(line.pid);
      }),
    );
    const [primary] = pids as [number, number];
    // What has not been seen up may take its time to start.
    await supervisor.line(({ msg, name }) => msg === "instance is up" && name === "primary");
    await freezeOutsideTransaction(host, primary);
    const frozenAt = performance.now();
    const ended = await supervisor.line(({ msg }) => msg?.startsWith("instance is frozen") === true);
    const tookMs = performance.now() - frozenAt;
    expect(ended).toMatchObject({ level: "error", name: "primary", pid: primary });
    expect(tookMs).toBeLessThan(10_000);
    await supervisor.line(
      ({ msg, name, pid }) => msg === "instance started" && name === "primary" && pid !== primary,
    );
    await expect
      .poll(() =>
        supervisor.lines.filter(({ msg, instance }) => msg === "listening" && instance === "primary"),
      )
      .toHaveLength(2);
    await expect.poll(async () => (await visit(door)).by).toBe("primary");
    expect(await supervisor.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});
