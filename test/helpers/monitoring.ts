import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { vi } from "vitest";
import { parse, stringify } from "yaml";
import { HttpReceiver } from "./alerts/http-receiver.ts";
import { atTestEnd } from "./at-test-end.ts";
import { freePorts } from "./free-ports.ts";
import { mayStartProcesses } from "./may-start-processes.ts";
import { PATIENCE_MS } from "./patience.ts";
import { temporaryDirectory } from "./stores.ts";

const ROOM = resolve(import.meta.dirname, "../../app/metrics");

/** A job of Prometheus: the token that it has, and the instances' URLs by name. */
export interface ScrapeJob {
  token: string;
  urls: Record<string, string>;
}

type Labels = Record<string, string>;

/** An alert as Prometheus has it. */
interface Alert {
  labels: Labels;
  annotations: Record<string, string>;
  state: "pending" | "firing";
}

/** A message that Alertmanager sent. */
interface Message {
  alerts: { status: string; labels: Labels }[];
}

/**
 * A real Prometheus and a real Alertmanager with the rules and the example of `app/metrics`. Of these only times are
 * changed: rules fire at once, and look back for 75 s, longer than any of the repeated looks at GitHub takes to come.
 */
export class Monitoring {
  readonly #prometheus: string;
  readonly #alertmanager: string;
  readonly #receiver: HttpReceiver;

  private constructor(prometheus: string, alertmanager: string, receiver: HttpReceiver) {
    this.#prometheus = prometheus;
    this.#alertmanager = alertmanager;
    this.#receiver = receiver;
  }

  /** Starts both, and ends them when the test has ended. */
  static async start(jobs: Record<string, ScrapeJob>): Promise<Monitoring> {
    mayStartProcesses();
    const directory = temporaryDirectory();
    const receiver = await HttpReceiver.start();
    const [prometheus, alertmanager] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`) as [
      string,
      string,
    ];
    const rules = readFileSync(join(ROOM, "alert-rules.yml"), "utf8")
      .replaceAll(/^ +for: .*\n/gm, "")
      .replaceAll(/\[\d+m\]/g, "[75s]");
    writeFileSync(join(directory, "rules.yml"), rules);
    writeFileSync(
      join(directory, "prometheus.yml"),
      stringify({
        // A busy machine answers late.
        global: { scrape_interval: "5s", scrape_timeout: "5s", evaluation_interval: "1s" },
        rule_files: ["rules.yml"],
        alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] },
        scrape_configs: Object.entries(jobs).map(([name, { token, urls }]) => ({
          job_name: name,
          authorization: { credentials: token },
          static_configs: Object.entries(urls).map(([instance, url]) => ({
            targets: [new URL(url).host],
            labels: { instance },
          })),
        })),
      }),
    );
    const routing = parse(readFileSync(join(ROOM, "alertmanager.yml"), "utf8")) as {
      route: { group_wait: string };
      receivers: { name: string; webhook_configs?: { url: string }[] }[];
    };
    routing.route.group_wait = "1s";
    for (const { webhook_configs: [hook] = [] } of routing.receivers)
      if (hook) hook.url = receiver.url("/alertmanager");
    writeFileSync(join(directory, "alertmanager.yml"), stringify(routing));
    start("prometheus-alertmanager", [
      `--config.file=${directory}/alertmanager.yml`,
      `--storage.path=${directory}/alertmanager`,
      `--web.listen-address=${alertmanager}`,
      "--cluster.listen-address=",
    ]);
    start("prometheus", [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/prometheus`,
      `--web.listen-address=${prometheus}`,
    ]);
    return new Monitoring(`http://${prometheus}`, `http://${alertmanager}`, receiver);
  }

  /** What fires now. */
  async firing(): Promise<Alert[]> {
    const answer = await fetch(`${this.#prometheus}/api/v1/alerts`);
    const { data } = (await answer.json()) as { data: { alerts: Alert[] } };
    return data.alerts.filter(({ state }) => state === "firing");
  }

  /** Resolves with the alert once it fires with these labels. */
  untilFiring(alertname: string, labels: Labels): Promise<Alert> {
    return asked(async () => {
      const all = await this.firing();
      const found = all.find((alert) => hasLabels(alert.labels, { alertname, ...labels }));
      if (!found) throw new Error(`${alertname} does not fire: ${JSON.stringify(all, null, 2)}`);
      return found;
    });
  }

  /** Resolves once none of these alerts (without the `Twinhook` of their names) fires with these labels. */
  untilClear(names: readonly string[], labels: Labels): Promise<void> {
    return asked(async () => {
      const left = (await this.firing()).filter((alert) =>
        names.some((name) => hasLabels(alert.labels, { alertname: `Twinhook${name}`, ...labels })),
      );
      if (left.length > 0) throw new Error(`it still fires: ${JSON.stringify(left, null, 2)}`);
    });
  }

  /** Resolves once every instance was scraped: `up` has this value for each of them. */
  untilScraped(job: string, instances: number): Promise<void> {
    return asked(async () => {
      const query = encodeURIComponent(`sum(up{job="${job}"})`);
      const answer = await fetch(`${this.#prometheus}/api/v1/query?query=${query}`);
      const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
      if (Number(data.result[0]?.value[1]) !== instances) throw new Error("not all are scraped yet");
    });
  }

  /** Resolves once Alertmanager holds this alert back, since a greater one fires. */
  untilInhibited(alertname: string, labels: Labels): Promise<void> {
    return asked(async () => {
      const answer = await fetch(`${this.#alertmanager}/api/v2/alerts`);
      const all = (await answer.json()) as { labels: Labels; status: { state: string } }[];
      const found = all.find((alert) => hasLabels(alert.labels, { alertname, ...labels }));
      if (found?.status.state !== "suppressed")
        throw new Error(`${alertname} is not held back: ${JSON.stringify(all, null, 2)}`);
    });
  }

  /** Resolves once Alertmanager has sent a message about this alert. */
  untilTold(alertname: string, labels: Labels): Promise<unknown> {
    return this.#receiver.posts.first(({ text }) =>
      (JSON.parse(text) as Message).alerts.some((alert) => hasLabels(alert.labels, { alertname, ...labels })),
    );
  }
}

/** As `eventually`, but these programs need not be asked a hundred times a second. */
function asked<T>(holds: () => Promise<T>): Promise<T> {
  return vi.waitFor(holds, { timeout: PATIENCE_MS, interval: 250 });
}

function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

function start(program: string, args: readonly string[]): void {
  const child: ChildProcess = spawn(program, args, { stdio: "ignore" });
  const ended = once(child, "exit");
  atTestEnd(async () => {
    child.kill("SIGKILL");
    await ended;
  });
}
