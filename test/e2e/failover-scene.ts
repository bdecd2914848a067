import type { Clock } from "../../app/clock.ts";
import { eventually } from "../helpers/eventually.ts";
import { AppProcess, type StartedInstance } from "../helpers/process.ts";
import type { Engine } from "../helpers/stores.ts";
import type { TestHostOptions } from "../helpers/test-host.ts";
import { UNHURRIED } from "../helpers/thresholds.ts";
import type { RequestRecord } from "../simulator/answer-request.ts";
import { pointHookTo, type Scene, setScene } from "./twins.ts";

/** How often an instance is asked for its status: each time costs it and the test some milliseconds. */
const ASK_MS = 100;

/** What the tests read of `/api/status`. */
export interface Status {
  controller: string | null;
  active: string | null;
  pinned: string | null;
  endpoints: {
    name: string;
    status: string;
    consecutive_successes: number;
    seen_by: Record<string, string>;
  }[];
  webhook: { url: string | null; in_sync: boolean };
  last_failover: {
    from: string;
    to: string;
    kind: string;
    reason: string;
    detected_at: string;
    decided_at: string;
    switched_at: string | null;
    verified_at: string | null;
    duration_ms: number | null;
  } | null;
}

export interface How {
  /** The instances that neither die nor freeze, which cost less in the test's own process. Default: none. */
  inProcess?: "all" | readonly string[];
  /** A clock of the test's, by which those live. */
  clock?: Clock;
}

/** Instances that watch each other, and the GitHub whose webhook they move. */
export class FailoverScene {
  readonly scene: Scene;
  readonly #how: How;
  readonly #instances = new Map<string, StartedInstance>();

  constructor(scene: Scene, how: How) {
    this.scene = scene;
    this.#how = how;
  }

  async start(name: string): Promise<void> {
    const { inProcess = [], clock } = this.#how;
    const here = inProcess === "all" || inProcess.includes(name);
    const started = here ? await this.host.startInProcess(name, {}, clock) : await this.host.start(name);
    this.#instances.set(name, started);
  }

  get github() {
    return this.scene.github;
  }
  get host() {
    return this.scene.host;
  }

  /** The instance that was started last under this name. */
  instance(name: string): StartedInstance {
    const found = this.#instances.get(name);
    if (!found) throw new Error(`no instance was started for ${name}`);
    return found;
  }

  /** The same, where it has a process of its own. */
  process(name: string): AppProcess {
    const found = this.instance(name);
    if (found instanceof AppProcess) return found;
    throw new Error(`${name} has no process of its own`);
  }

  async status(instance: string): Promise<Status> {
    return (await (await this.host.admin(instance, "GET", "/api/status")).json()) as Status;
  }

  /** Resolves with the status as soon as `wanted` accepts it. */
  async until(instance: string, wanted: (status: Status) => boolean): Promise<Status> {
    return eventually(
      async () => {
        const status = await this.status(instance);
        if (!wanted(status)) throw new Error(`${wanted} was not met: ${JSON.stringify(status, null, 2)}`);
        return status;
      },
      { interval: ASK_MS },
    );
  }

  /** Every change of the webhook's URL that reached GitHub, oldest first. */
  get patches(): RequestRecord[] {
    return this.github.requests.filter(
      ({ method, path }) => method === "PATCH" && path === "/app/hook/config",
    );
  }

  /** Resolves with the first PATCH to this instance's URL from `since` on, as soon as it arrives. */
  patchTo(instance: string, since: number): Promise<RequestRecord> {
    const url = this.host.url(instance, "/");
    return this.github.waitFor(() => this.patches.find(({ at, body }) => at >= since && body?.includes(url)));
  }

  /** Completes a run, and resolves with what became of GitHub's delivery of the event. */
  async deliver() {
    const sent = this.github.completeRun({ repository: "acme/site" });
    const delivery = await sent.delivery;
    return delivery;
  }
}

/**
 * Sets the scene with all instances up, seen as healthy by all of them, and GitHub delivering to the first. The
 * simulated GitHub forgets the webhook's secret whenever it is not sent along.
 */
export async function setFailoverScene(
  engine: Engine,
  options: Omit<TestHostOptions, "github" | "store"> = {},
  how: How = {},
): Promise<FailoverScene> {
  const failover = { ...UNHURRIED, ...(options.config?.failover as object) };
  const scene = await setScene(engine, { ...options, config: { ...options.config, failover } });
  const names = Object.keys(scene.host.urls);
  const [first, ...others] = names as [string, ...string[]];
  scene.github.settings.appHookForgetsSecret = true;
  pointHookTo(scene, first);
  const all = new FailoverScene(scene, how);
  // The first alone at first: on a busy machine another one may else find it too late to be the active one.
  await all.start(first);
  await all.until(first, ({ active }) => active === first);
  await Promise.all(others.map((name) => all.start(name)));
  await all.until(
    first,
    ({ active, endpoints, webhook }) => active === first && webhook.in_sync && endpoints.every(isWellKnown),
  );
  return all;

  function isWellKnown({ status, seen_by }: Status["endpoints"][number]): boolean {
    return status === "healthy" && names.every((name) => seen_by[name] === "healthy");
  }
}
