import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { deliverRun, firstLooksAreOver, setScene } from "../../e2e/twins.ts";
import { type Exposition, parseExposition } from "../../helpers/exposition.ts";
import { metricDefinitions } from "../../helpers/metric-definitions.ts";
import { ENGINES } from "../../helpers/stores.ts";
import { ADMIN_TOKEN, type TestHost } from "../../helpers/test-host.ts";

const METRICS_TOKEN = "metrics-token-of-the-test";
const ROOM = resolve(import.meta.dirname, "../../../app/metrics");

function scrape(host: TestHost, token: string | null, instance = "primary"): Promise<Response> {
  return fetch(
    host.url(instance, "/metrics"),
    token ? { headers: { authorization: `Bearer ${token}` } } : {},
  );
}

async function read(host: TestHost, instance = "primary"): Promise<Exposition> {
  return parseExposition(await (await scrape(host, METRICS_TOKEN, instance)).text());
}

const setup = (engine: (typeof ENGINES)[number]) =>
  setScene(engine, { instances: ["primary"], env: { TWINHOOK_METRICS_TOKEN: METRICS_TOKEN } });

describe.each(ENGINES)("/metrics, on %s", (engine) => {
  it("tells what was accepted, refused, deployed and confirmed, and how GitHub and the store do", async () => {
    const scene = await setup(engine);
    const { github, host } = scene;
    await host.startInProcess("primary");
    await firstLooksAreOver(scene, "primary");
    const { event, guid } = { ...github.completeRun({ repository: "acme/site", send: false }), guid: "g-1" };
    const first = await host.sendEvent("primary", event, { guid });
    const { deployments } = (await first.json()) as { deployments: { id: string }[] };
    await host.sendEvent("primary", event, { guid });
    await host.sendEvent("primary", event, {
      headers: { "x-hub-signature-256": `sha256=${"0".repeat(64)}` },
    });
    expect((await host.request("primary", { nonsense: true })).status).toBe(400);
    await host.sendEvent("primary", { zen: "" }, { event: "ping" });
    for (const name of ["made_up_one", "made_up_two"]) await host.sendEvent("primary", {}, { event: name });
    const id = deployments[0]?.id ?? "";
    await host.deployment("primary", id, ({ status }) => status === "succeeded");
    await host.admin("primary", "GET", `/api/deployments/${id}?for=succeeded`);
    await github.waitFor(() => github.statuses("acme/site").at(-1)?.state === "success");

    const labels = { repository: "acme/site", target: "production" };
    await expect
      .poll(async () => (await read(host)).value("twinhook_deployment_duration_seconds_count", labels))
      .toBe(1);
    const metrics = await read(host);
    const value = metrics.value;
    expect(value("twinhook_info", { name: "primary" })).toBe(1);
    expect(value("twinhook_deliveries_total", { source: "webhook", outcome: "deployed" })).toBe(1);
    expect(value("twinhook_deliveries_total", { source: "webhook", outcome: "duplicate" })).toBe(1);
    expect(value("twinhook_other_events_total", { event: "ping" })).toBe(1);
    expect(value("twinhook_other_events_total", { event: "other" })).toBe(2);
    expect(value("twinhook_requests_refused_total", { entrance: "webhook", cause: "unauthorized" })).toBe(1);
    expect(value("twinhook_requests_refused_total", { entrance: "deployments", cause: "malformed" })).toBe(1);
    expect(value("twinhook_deployment_trigger_seconds_count", labels)).toBe(1);
    expect(value("twinhook_deployment_duration_seconds_count", { ...labels, status: "succeeded" })).toBe(1);
    expect(value("twinhook_verifications_total")).toBe(1);
    expect(value("twinhook_queue_deployments", { state: "queued" })).toBe(0);
    expect(value("twinhook_queue_deployments", { state: "running" })).toBe(0);
    expect(value("twinhook_endpoint_checks_total", { endpoint: "primary", result: "ok" })).toBeGreaterThan(0);
    expect(value("twinhook_endpoint_status", { endpoint: "primary", status: "healthy" })).toBe(1);
    expect(value("twinhook_endpoint_active", { endpoint: "primary" })).toBe(1);
    expect(value("twinhook_controller")).toBe(1);
    expect(value("twinhook_github_requests_total", { result: "ok" })).toBeGreaterThan(0);
    expect(value("twinhook_github_rate_limit_remaining", { credential: "installation" })).toBeGreaterThan(0);
    expect(value("twinhook_circuit_breaker_state", { breaker: "github_outbox", state: "closed" })).toBe(1);
    expect(value("twinhook_store_up")).toBe(1);
    expect(value("twinhook_store_commit_duration_seconds_count")).toBeGreaterThan(0);
    expect(value("process_resident_memory_bytes")).toBeGreaterThan(0);
  });
});

describe("/metrics", () => {
  it("is for the admin and for the holder of the metrics token, which opens nothing else", async () => {
    const { host } = await setup("sqlite");
    await host.startInProcess("primary");
    expect((await scrape(host, null)).status).toBe(401);
    expect((await scrape(host, "something else")).status).toBe(401);
    expect((await scrape(host, ADMIN_TOKEN)).status).toBe(200);
    const answer = await scrape(host, METRICS_TOKEN);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const status = await fetch(host.url("primary", "/api/status"), {
      headers: { authorization: `Bearer ${METRICS_TOKEN}` },
    });
    expect(status.status).toBe(401);
  });

  it("makes no series for what a branch, a commit, a run or a deployment is called", async () => {
    const scene = await setup("sqlite");
    await scene.host.startInProcess("primary");
    const id = await deliverRun(scene, "primary");
    const { sha } = await scene.host.deployment("primary", id, ({ status }) => status === "succeeded");
    await fetch(scene.host.url("primary", "/no-such-place-1"));
    const text = await (await scrape(scene.host, METRICS_TOKEN)).text();
    for (const foreign of [id, sha, "refs/heads", "no-such-place"]) expect(text).not.toContain(foreign);
    const { samples } = parseExposition(text);
    const series = Map.groupBy(samples, ({ name }) => name);
    for (const [name, all] of series) expect([name, all.length <= 60]).toEqual([name, true]);
  });

  it("shows what has not happened yet as 0, so that a rule sees the first time", async () => {
    const { host } = await setup("sqlite");
    await host.startInProcess("primary");
    const { value } = await read(host);
    for (const status of ["succeeded", "failed", "cancelled"])
      expect(value("twinhook_deployment_duration_seconds_count", { status })).toBe(0);
    for (const kind of ["failover", "switchover", "recovery"])
      expect(value("twinhook_failovers_total", { kind })).toBe(0);
  });

  it("names everything by Prometheus' conventions", async () => {
    const { host } = await setup("sqlite");
    await host.startInProcess("primary");
    const { types } = await read(host);
    const own = [...types].filter(([name]) => name.startsWith("twinhook_"));
    expect(own.length).toBeGreaterThan(25);
    for (const [name, type] of own) {
      expect(name).toMatch(/^twinhook_[a-z]+(_[a-z]+)*$/);
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
      if (type === "histogram") expect(name).toMatch(/_seconds$/);
    }
  });
});

interface Rules {
  groups: { rules: { alert: string; expr: string; labels: object; annotations: Record<string, string> }[] }[];
}
interface Panel {
  title: string;
  type: string;
  targets?: { expr: string }[];
}

describe("the dashboard and the alert rules", () => {
  const dashboard = JSON.parse(readFileSync(resolve(ROOM, "grafana-dashboard.json"), "utf8")) as {
    panels: Panel[];
  };
  const runbook = readFileSync(resolve(ROOM, "runbook.md"), "utf8");
  const rules = (parse(readFileSync(resolve(ROOM, "alert-rules.yml"), "utf8")) as Rules).groups.flatMap(
    ({ rules }) => rules,
  );
  const queries = [
    ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr])),
    ...rules.map(({ alert, expr }) => [alert, expr]),
  ] as [string, string][];

  it("use only metrics and labels that an instance really has", async () => {
    const scene = await setup("sqlite");
    const { host } = scene;
    await host.startInProcess("primary");
    const id = await deliverRun(scene, "primary");
    await host.deployment("primary", id, ({ status }) => status === "succeeded");
    const { types } = await read(host);
    const definitions = metricDefinitions();
    expect(queries.length).toBeGreaterThan(20);
    for (const [title, expr] of queries) {
      const names = [...expr.matchAll(/\b(?:twinhook|process|nodejs)_\w+/g)].map(([name]) => name);
      // `up` is Prometheus' own.
      expect(names.length > 0 || /\bup\b/.test(expr), title).toBe(true);
      for (const name of names) {
        const base = name.replace(/_(bucket|sum|count)$/, "");
        expect([...types.keys()], `${title}: ${name}`).toContain(types.has(name) ? name : base);
        if (!types.has(name)) expect([title, types.get(base)]).toEqual([title, "histogram"]);
      }
      const used = [...expr.matchAll(/\{([^}]*)\}|\bby ?\(([^)]*)\)/g)].flatMap(([, selectors, by]) =>
        selectors === undefined
          ? (by as string).split(/, */)
          : [...selectors.matchAll(/(\w+) ?(?:=~|!=|=)/g)].map(([, label]) => label as string),
      );
      const known = definitions.filter(({ name }) => names.some((n) => n.startsWith(name)));
      const labels = known.flatMap(({ labelNames }) => labelNames);
      // Prometheus itself adds these.
      const missing = used.filter((label) => ![...labels, "instance", "job", "le"].includes(label));
      expect([title, missing]).toEqual([title, []]);
    }
  });

  it("tell for every rule how bad it is, what is the matter, and what to do", () => {
    for (const { alert, labels, annotations } of rules) {
      expect(labels, alert).toHaveProperty("severity");
      expect(annotations.summary, alert).toBeTruthy();
      expect(annotations.description?.length, alert).toBeGreaterThan(40);
      expect(annotations.runbook_url, alert).toMatch(new RegExp(`/runbook.md#${alert.toLowerCase()}$`));
      expect(runbook, alert).toContain(`\n## ${alert}\n`);
    }
  });
});
