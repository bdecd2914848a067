import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { Metrics } from "../../../app/metrics/metrics.ts";
import { StateGauges, type StateGaugesOptions } from "../../../app/metrics/state-gauges.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { missingPrograms } from "../../helpers/prometheus-programs.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

const ROOM = resolve(import.meta.dirname, "../../../app/metrics");
const RULES = join(ROOM, "alert-rules.yml");
const rules = (
  parse(readFileSync(RULES, "utf8")) as {
    groups: { rules: { alert: string; labels: { severity: string } }[] }[];
  }
).groups.flatMap((group) => group.rules);
const run = promisify(execFile);

type Labels = Record<string, string>;

/** Samples of one minute each, in promtool's notation, and which alerts fire when: minutes and labels. */
interface Case {
  title: string;
  alert: string;
  series: Record<string, string>;
  firing: Record<number, Labels[]>;
}

const JOB = { job: "twinhook" };
/** The series of the instances, in the job `twinhook`. */
const of = (metric: string, instance = "primary", more = "") =>
  `${metric}{job="twinhook",instance="${instance}"${more && `,${more}`}}`;
const buckets = (instance: string, slow: boolean) => ({
  [of("twinhook_store_commit_duration_seconds_bucket", instance, 'le="0.25"')]: slow ? "0x40" : "0+60x40",
  [of("twinhook_store_commit_duration_seconds_bucket", instance, 'le="2.5"')]: "0+60x40",
  [of("twinhook_store_commit_duration_seconds_bucket", instance, 'le="+Inf"')]: "0+60x40",
});
const breaker = (state: string) =>
  of("twinhook_circuit_breaker_state", "primary", `breaker="b",state="${state}"`);
const moved = (kind: string, from: string) =>
  of("twinhook_failovers_total", "backup", `kind="${kind}",from="${from}"`);
const refusedSignature = of(
  "twinhook_requests_refused_total",
  "primary",
  'entrance="webhook",cause="unauthorized"',
);
const called = (result: string) => of("twinhook_github_requests_total", "primary", `result="${result}"`);
const looked = (look: string) => of("twinhook_look_completed_timestamp_seconds", "primary", `look="${look}"`);
const TARGET = 'repository="acme/site",target="production"';
const failed = (instance: string) =>
  of("twinhook_deployment_duration_seconds_count", instance, `${TARGET},status="failed"`);

/** Both installations of one Prometheus, with one instance each that is up. */
const UP = { [of("up")]: "1x60", [of("up", "backup")]: "1x60" };

const CASES: Case[] = [
  {
    title: "fires while no instance answers, and clears when one does",
    alert: "TwinhookAllInstancesDown",
    series: { [of("up")]: "1 1 0x9 1x20", [of("up", "backup")]: "1 1 0x20" },
    firing: { 1: [], 5: [JOB], 15: [] },
  },
  {
    title: "fires where Prometheus knows no instance at all",
    alert: "TwinhookAllInstancesDown",
    series: { 'up{job="node"}': "1x20" },
    firing: { 5: [{}] },
  },
  {
    title: "tells one installation from another",
    alert: "TwinhookAllInstancesDown",
    series: { ...UP, 'up{job="twinhook-staging",instance="one"}': "0x20" },
    firing: { 5: [{ job: "twinhook-staging" }] },
  },
  {
    title: "names the instance, and does not resolve when the other one dies as well",
    alert: "TwinhookInstanceDown",
    series: { [of("up")]: "1 0x19 1x20", [of("up", "backup")]: "1x12 0x4 1x20" },
    firing: { 5: [], 10: [{ ...JOB, instance: "primary" }], 14: [{ ...JOB, instance: "primary" }], 25: [] },
  },
  {
    title: "fires when an instance is started again and again, and not for a restart",
    alert: "TwinhookCrashLoop",
    series: {
      [of("process_start_time_seconds")]: "100 200 300 400 500x60",
      [of("process_start_time_seconds", "backup")]: "100 200x60",
    },
    firing: { 6: [{ ...JOB, instance: "primary" }], 30: [] },
  },
  {
    title: "fires as soon as one instance sees an endpoint unhealthy",
    alert: "TwinhookEndpointUnhealthy",
    series: {
      [of("twinhook_endpoint_status", "primary", 'endpoint="backup",status="unhealthy"')]: "0 1x9 0x9",
      [of("twinhook_endpoint_status", "backup", 'endpoint="backup",status="unhealthy"')]: "0x20",
    },
    firing: { 5: [{ ...JOB, endpoint: "backup" }], 15: [] },
  },
  {
    title: "fires a week before a certificate expires",
    alert: "TwinhookCertificateExpires",
    series: {
      [of("twinhook_endpoint_certificate_expiry_timestamp_seconds", "primary", 'endpoint="primary"')]:
        `${6 * 86_400}x20 ${90 * 86_400}x20`,
      [of("twinhook_endpoint_certificate_expiry_timestamp_seconds", "primary", 'endpoint="backup"')]:
        `${8 * 86_400}x40`,
    },
    firing: { 15: [{ ...JOB, endpoint: "primary" }], 30: [] },
  },
  {
    title: "fires where there are two, or none",
    alert: "TwinhookNoController",
    series: {
      ...UP,
      [of("twinhook_controller")]: "1 1 0x5 1x5",
      [of("twinhook_controller", "backup")]: "0x6 1x6",
    },
    firing: { 1: [], 4: [JOB], 11: [JOB] },
  },
  {
    title: "fires where the series is missing",
    alert: "TwinhookNoController",
    series: UP,
    firing: { 5: [JOB] },
  },
  {
    title: "is silent where two installations have one each",
    alert: "TwinhookNoController",
    series: {
      [of("twinhook_controller")]: "1x20",
      [of("twinhook_controller", "backup")]: "0x20",
      'twinhook_controller{job="twinhook-staging",instance="one"}': "1x20",
    },
    firing: { 5: [], 15: [] },
  },
  {
    title: "is one alert for each endpoint that is left, and none for a planned stop",
    alert: "TwinhookFailover",
    series: {
      [moved("failover", "primary")]: "0 0 1x30",
      [moved("failover", "backup")]: "0x5 1x30",
      [moved("switchover", "primary")]: "0+1x30",
    },
    firing: {
      1: [],
      3: [{ ...JOB, from: "primary" }],
      7: [
        { ...JOB, from: "primary" },
        { ...JOB, from: "backup" },
      ],
      25: [],
    },
  },
  {
    title: "fires at the third failover within half an hour",
    alert: "TwinhookFlapping",
    series: { [moved("failover", "primary")]: "0 0 1 1 2 2 2 2 3x60" },
    firing: { 7: [], 10: [JOB], 50: [] },
  },
  {
    title: "fires while GitHub does not have the URL",
    alert: "TwinhookWebhookOutOfSync",
    series: {
      [of("twinhook_webhook_in_sync")]: "1 0x9 1x9",
      [of("twinhook_webhook_in_sync", "backup")]: "1 0x9 1x9",
    },
    firing: { 2: [], 6: [JOB], 15: [] },
  },
  {
    title: "fires when somebody else has changed the webhook",
    alert: "TwinhookWebhookChanged",
    series: { [of("twinhook_webhook_deviations_total")]: "0 0 1x30" },
    firing: { 1: [], 4: [JOB], 25: [] },
  },
  {
    title: "fires when signatures are wrong and GitHub's deliveries fail",
    alert: "TwinhookWebhookSecretWrong",
    series: {
      [refusedSignature]: "0 0 2x40",
      [of("twinhook_catch_up_found_total", "backup")]: "0 0 0 1x40",
    },
    firing: { 2: [], 5: [JOB], 30: [] },
  },
  {
    title: "is silent while only strangers send wrong signatures",
    alert: "TwinhookWebhookSecretWrong",
    series: { [refusedSignature]: "0+3x40", [of("twinhook_catch_up_found_total")]: "0x40" },
    firing: { 10: [] },
  },
  {
    title: "fires when a request had to be found",
    alert: "TwinhookFoundAtGitHub",
    series: { [of("twinhook_catch_up_found_total")]: "0 0 1x40" },
    firing: { 1: [], 4: [JOB], 30: [] },
  },
  {
    title: "names the look that is not completed any more",
    alert: "TwinhookNotLooking",
    series: { [looked("catch_up")]: "0x40 3000x20", [looked("reconcile")]: "0+60x60" },
    firing: { 20: [], 38: [{ ...JOB, look: "catch_up" }], 50: [] },
  },
  {
    title: "fires while GitHub refuses everything",
    alert: "TwinhookGitHubRefuses",
    series: { [called("ok")]: "5x30 6x10", [called("refused")]: "0+2x40" },
    firing: { 3: [], 15: [JOB], 35: [] },
  },
  {
    title: "is silent while GitHub refuses only some calls",
    alert: "TwinhookGitHubRefuses",
    series: { [called("ok")]: "0+5x40", [called("refused")]: "0+2x40" },
    firing: { 20: [] },
  },
  {
    title: "fires while less than a tenth is left",
    alert: "TwinhookGitHubRateLimitLow",
    series: {
      [of("twinhook_github_rate_limit", "primary", 'credential="app",resource="core"')]: "5000x40",
      [of("twinhook_github_rate_limit_remaining", "primary", 'credential="app",resource="core"')]:
        "300x15 4900x20",
    },
    firing: { 10: [{ ...JOB, credential: "app" }], 20: [] },
  },
  {
    title: "is not reset by a try at a half-open breaker",
    alert: "TwinhookGitHubLeftAlone",
    series: {
      [breaker("open")]: "1x5 0 1x9 0x9",
      [breaker("half_open")]: "0x5 1 0x20",
      [breaker("closed")]: "0x16 1x9",
    },
    firing: { 5: [], 14: [{ ...JOB, breaker: "b" }], 20: [] },
  },
  {
    title: "fires by the age of a message, not by their number",
    alert: "TwinhookNotTold",
    series: {
      [of("twinhook_outbox_pending", "primary", 'outbox="github"')]: "50x40",
      [of("twinhook_outbox_oldest_age_seconds", "primary", 'outbox="github"')]: "3x40",
      [of("twinhook_outbox_oldest_age_seconds", "primary", 'outbox="alerts"')]: "0+60x25 0x9",
    },
    firing: { 12: [], 20: [{ ...JOB, outbox: "alerts" }], 30: [] },
  },
  {
    title: "names the instance that cannot write",
    alert: "TwinhookStoreDown",
    series: { [of("twinhook_store_up")]: "1 0x9 1x9", [of("twinhook_store_up", "backup")]: "1x20" },
    firing: { 0: [], 5: [{ ...JOB, instance: "primary" }], 15: [] },
  },
  {
    title: "names the one instance whose commits are slow",
    alert: "TwinhookStoreSlow",
    series: { ...buckets("primary", false), ...buckets("backup", true) },
    firing: { 5: [], 20: [{ ...JOB, instance: "backup" }] },
  },
  {
    title: "fires while a twentieth of the disk is left",
    alert: "TwinhookDiskFull",
    series: {
      [of("twinhook_state_directory_size_bytes")]: "1000x40",
      [of("twinhook_state_directory_free_bytes")]: "40x20 400x20",
    },
    firing: { 10: [{ ...JOB, instance: "primary" }], 30: [] },
  },
  {
    title: "fires for the target, also when the instance that began it is gone",
    alert: "TwinhookDeploymentFailed",
    series: { [failed("primary")]: "0 0 _x40", [failed("backup")]: "0 0 0 1x40" },
    firing: { 2: [], 6: [{ ...JOB, repository: "acme/site", target: "production" }], 25: [] },
  },
  {
    title: "fires when a deployment waits for more than half an hour",
    alert: "TwinhookQueueStuck",
    series: { [of("twinhook_queue_oldest_age_seconds")]: "0+60x45 0x9" },
    firing: { 30: [], 40: [JOB], 50: [] },
  },
];

const noPromtool = missingPrograms("promtool");

/** What promtool says of a test of these cases. */
async function promtool(cases: readonly Case[]): Promise<string> {
  const file = join(temporaryDirectory(), "test.yml");
  const severityOf = (alert: string) => rules.find((rule) => rule.alert === alert)?.labels.severity ?? "";
  const tests = cases.map(({ title, alert, series, firing }) => ({
    name: `${alert} ${title}`,
    interval: "1m",
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: Object.entries(firing).map(([minute, all]) => ({
      expr: `ALERTS{alertname="${alert}",alertstate="firing"}`,
      eval_time: `${minute}m`,
      exp_samples: all.map((labels) => ({
        labels: `ALERTS{${Object.entries({
          alertname: alert,
          alertstate: "firing",
          severity: severityOf(alert),
          ...labels,
        })
          .map(([key, value]) => `${key}="${value}"`)
          .join(",")}}`,
        value: 1,
      })),
    })),
  }));
  writeFileSync(file, stringify({ rule_files: [RULES], evaluation_interval: "1m", tests }));
  try {
    return (await run("promtool", ["test", "rules", file])).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${stdout}${stderr}`);
  }
}

describe("the alert rules", () => {
  it("have a case each", () => {
    expect(new Set(CASES.map(({ alert }) => alert))).toEqual(new Set(rules.map(({ alert }) => alert)));
  });

  // One process for all: promtool names the case that fails by its series.
  it("fire in their fault, name it, and clear, in promtool's tests", async ({ skip }) => {
    if (noPromtool) return skip(noPromtool);
    expect(await promtool(CASES)).toContain("SUCCESS");
  });
});

describe("Prometheus' own checks", () => {
  it("accept the metrics", async ({ skip }) => {
    if (noPromtool) return skip(noPromtool);
    const { registry } = new Metrics({
      instance: "primary",
      endpoints: ["primary"],
      targets: [],
      channels: ["slack"],
      clock: new ManualClock(),
    });
    new StateGauges({ registry } as StateGaugesOptions);
    const checked = run("promtool", ["check", "metrics"]);
    checked.child.stdin?.end(await registry.metrics());
    expect(await checked).toMatchObject({ stdout: "", stderr: "" });
  });

  it("accept the example for Alertmanager", async ({ skip }) => {
    const missing = missingPrograms("amtool");
    if (missing) return skip(missing);
    const { stdout } = await run("amtool", ["check-config", join(ROOM, "alertmanager.yml")]);
    expect(stdout).toContain("SUCCESS");
  });
});
