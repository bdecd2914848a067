import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { githubApp } from "../../../app/github/app.ts";
import { RepositoryAccess } from "../../../app/github/repository-access.ts";
import { RepositoryHooksClient } from "../../../app/github/repository-hooks.ts";
import {
  type BroadcastOptions,
  planHooks,
  RepositoryWebhooks,
} from "../../../app/upkeep/repository-webhooks.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import type { GitHubOptions } from "../../simulator/create-world.ts";
import type { Hook } from "../../simulator/hook.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const A = "http://127.0.0.1:1/a";
const B = "http://127.0.0.1:1/b";
const hookUrl = (base: string) => `${base}/api/github/webhooks`;
const SITE = "Acme/Site";

/** A controller's broadcast over two repositories, of which one has a target. */
async function setup(engine: Engine, options: GitHubOptions = {}) {
  const github = await startGitHub(options);
  onTestFinished(() => github.close());
  const site = github.addRepository(SITE);
  const other = github.addRepository("acme/other");
  const store = await newStore(engine);
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const candidate = { holder: "primary 1", instance: "primary", host: "host-1" };
  const lease = new ControllerLease({ store, clock: systemClock, ttlMs: 60_000, candidate });
  await lease.acquire(() => false);
  const { environment } = readEnvironment(github.environment());
  const look = async (given: Partial<BroadcastOptions> & { secret?: string } = {}) => {
    const secret = given.secret ?? github.app.webhookSecret;
    const access = new RepositoryAccess(() => githubApp(environment, secret, log));
    const broadcast = new RepositoryWebhooks({
      store,
      clock: systemClock,
      log,
      lease,
      hooks: new RepositoryHooksClient(access, () => secret),
      enabled: true,
      endpoints: [{ url: A }, { url: B }],
      targets: [{ repository: SITE }],
      secretChange: { isUnderWay: false, isAgreed: true },
      ...given,
    });
    const again = () => broadcast.scan(AbortSignal.timeout(10_000));
    await again();
    return again;
  };
  const writes = () =>
    github.requests.filter(({ method, path }) => method !== "GET" && path.includes("/hooks")).length;
  return { github, site, other, store, lease, lines, look, writes };
}

/** A webhook as we make it. */
function ours(base: string, secret: string) {
  return {
    active: true,
    events: ["create", "delete", "deployment", "workflow_run"],
    config: { url: hookUrl(base), content_type: "json", insecure_ssl: "0", secret },
  };
}

/** Someone else's webhook, which must stay as it is. */
function foreign(site: { id: number; hooks: Hook[] }, url: string): Hook {
  const hook: Hook = {
    id: 9_000 + site.hooks.length,
    kind: "repository",
    targetId: site.id,
    active: true,
    events: ["push"],
    config: { url, content_type: "form", insecure_ssl: "1" },
    created_at: "",
    updated_at: "",
    last_response: { code: null, status: "unused", message: null },
  };
  site.hooks.push(hook);
  return hook;
}

describe.each(ENGINES)("the webhooks of repositories, on %s", (engine) => {
  it("are made for every endpoint where there is a target, and only once", async () => {
    const { github, site, other, look, writes } = await setup(engine);
    const again = await look();
    const { webhookSecret } = github.app;
    expect(site.hooks).toMatchObject([ours(A, webhookSecret), ours(B, webhookSecret)]);
    expect(other.hooks).toEqual([]);
    expect(writes()).toBe(2);
    await again();
    await look();
    expect(writes()).toBe(2);
  });

  it("are put right whatever anyone changed about them, and made again when they were deleted", async () => {
    const { github, site, look } = await setup(engine);
    const again = await look();
    const spoil: ((hook: Hook) => void)[] = [
      (hook) => (hook.active = false),
      (hook) => (hook.events = ["push"]),
      (hook) => (hook.config.content_type = "form"),
      (hook) => (hook.config.insecure_ssl = "1"),
      (hook) => delete hook.config.secret,
      (hook) => (hook.config.url = "http://127.0.0.1:1/elsewhere"),
      () => site.hooks.shift(),
    ];
    for (const change of spoil) {
      change(site.hooks[0] as Hook);
      await again();
      const sorted = site.hooks.toSorted((x, y) => x.config.url.localeCompare(y.config.url));
      expect(sorted).toMatchObject([ours(A, github.app.webhookSecret), ours(B, github.app.webhookSecret)]);
    }
  });

  it("are removed with their endpoint, their target, and the mode; those of others stay", async () => {
    const { github, site, look, writes } = await setup(engine);
    const strangers = [
      foreign(site, "https://ci.example.com/api/github/webhooks"),
      foreign(site, "https://x/"),
    ];
    const copies = structuredClone(strangers);
    await look();
    expect(site.hooks).toHaveLength(4);
    await look({ endpoints: [{ url: B }] });
    expect(site.hooks.slice(2)).toMatchObject([ours(B, github.app.webhookSecret)]);
    await look();
    expect(site.hooks).toHaveLength(4);
    await look({ targets: [] });
    expect(site.hooks).toEqual(copies);
    await look();
    await look({ enabled: false });
    expect(site.hooks).toEqual(copies);
    const before = github.requests.length + writes();
    await look({ enabled: false });
    expect(github.requests.length + writes()).toBe(before);
  });

  it("are written anew once in a reign while the secret is being changed", async () => {
    const { site, look, writes } = await setup(engine);
    await look();
    const again = await look({ secret: "the new one", secretChange: { isUnderWay: true, isAgreed: true } });
    expect(site.hooks).toMatchObject([ours(A, "the new one"), ours(B, "the new one")]);
    expect(writes()).toBe(4);
    await again();
    expect(writes()).toBe(4);
  });

  it("keep the previous secret while an instance does not accept the new one", async () => {
    const { github, site, look, writes } = await setup(engine);
    await look();
    const secretChange = { isUnderWay: true, isAgreed: false };
    const again = await look({ secretChange });
    expect(site.hooks.map(({ config }) => config.secret)).toEqual(Array(2).fill(github.app.webhookSecret));
    expect(writes()).toBe(2);
    secretChange.isAgreed = true;
    await again();
    expect(writes()).toBe(4);
    expect(site.hooks.map(({ config }) => config.secret)).toEqual(Array(2).fill(github.app.webhookSecret));
  });

  it("are left alone by an instance that is not the controller any more", async () => {
    const { site, lease, look } = await setup(engine);
    await lease.release();
    await expect(look()).rejects.toThrow("does not hold the controller's lease");
    expect(site.hooks).toEqual([]);
  });
});

describe("a repository whose webhooks GitHub does not let us set", () => {
  it("is reported once with the permission that is missing, and the others get theirs", async () => {
    const { site, other, lines, look, github } = await setup("sqlite");
    const fault = github.faults.add(
      { kind: "status", status: 403, message: "Resource not accessible by integration" },
      { route: "/repos/acme/other/hooks*" },
    );
    const again = await look({ targets: [{ repository: "acme/other" }, { repository: SITE }] });
    await again();
    expect(site.hooks).toHaveLength(2);
    const said = lines.filter((line) => line.includes("acme/other"));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain("repository_hooks: write");
    fault.clear();
    await again();
    expect(other.hooks).toHaveLength(2);
  });

  it("is reported where the App has no such permission at all", async () => {
    const permissions = { actions: "read", deployments: "write", metadata: "read" } as const;
    const { site, lines, look } = await setup("sqlite", { app: { permissions } });
    await look();
    expect(site.hooks).toEqual([]);
    expect(lines).toEqual([expect.stringContaining("repository_hooks: write")]);
  });

  it("is asked again soon when GitHub was merely away", async () => {
    const { site, look, github } = await setup("sqlite");
    github.faults.add({ kind: "status", status: 502 }, { route: "POST /repos/*/hooks", times: 1 });
    await expect(look()).rejects.toThrow();
    await look();
    expect(site.hooks).toHaveLength(2);
  });
});

describe("planHooks", () => {
  it("keeps one webhook where several of ours have the same URL", () => {
    const found = [1, 2].map((id) => ({ id, url: A, intact: true }));
    expect(planHooks(found, [A], new Set([1, 2]), false)).toEqual({ create: [], update: [], remove: [2] });
  });
});
