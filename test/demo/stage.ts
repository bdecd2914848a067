import { setTimeout as sleep } from "node:timers/promises";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import type { AppProcess } from "../helpers/process.ts";
import { TestHost } from "../helpers/test-host.ts";
import { type GitHub, startGitHub } from "../simulator/simulator.ts";
import { untilLeft } from "./lingering.ts";
import { DEPLOY_SCRIPT } from "./site.ts";

export const REPOSITORY = "acme/site";
export const CI_WORKFLOW = ".github/workflows/ci.yml";
export const DEPLOY_WORKFLOW = ".github/workflows/deploy.yml";

/** How long both instances may take to start. */
const START_LIMIT_MS = 60_000;
/** How long a change of the webhook URL may take on a busy machine. */
const FAILOVER_LIMIT_MS = 30_000;
/** An instance's status cannot be awaited otherwise. */
const LOOK_MS = 100;
/** How long they may take to stop, before they are ended. */
const STOP_LIMIT_MS = 10_000;

interface Status {
  active: string | null;
  endpoints: { name: string; status: string }[];
}

/** Everything that the story is played on: a simulated GitHub, and a server with both twins. */
export class Stage {
  readonly github: GitHub;
  readonly host: TestHost;
  /** The process behind `npm start`. */
  readonly supervisor: AppProcess;

  private constructor(github: GitHub, host: TestHost) {
    this.github = github;
    this.host = host;
    this.supervisor = host.spawn([]);
  }

  /** Sets it up, and starts what `npm start` starts. */
  static async build(): Promise<Stage> {
    const github = await startGitHub();
    github.addRepository(REPOSITORY);
    const host = await TestHost.create({
      github,
      config: { failover: {} },
      script: DEPLOY_SCRIPT,
      targets: [
        {
          repository: REPOSITORY,
          environment: "production",
          environment_url: "https://www.example.com",
          workflow: CI_WORKFLOW,
          queue: "latest",
          share_log: true,
          action: { secret_env: "SITE_DELIVERY_SECRET", workflows: [DEPLOY_WORKFLOW] },
        },
      ],
    });
    return new Stage(github, host);
  }

  /** Resolves when an instance listens; with `after`, another process of that name than this one. */
  async listening(instance: string, after = 0): Promise<void> {
    const { pid } = await this.supervisor.line(
      ({ msg, name, pid }) => msg === "instance started" && name === instance && pid !== after,
      START_LIMIT_MS,
    );
    const started = this.supervisor.lines.findIndex((line) => line.name === instance && line.pid === pid);
    await this.supervisor.line(
      (line) =>
        line.msg === "listening" &&
        line.instance === instance &&
        this.supervisor.lines.indexOf(line) > started,
      START_LIMIT_MS,
    );
  }

  /** The process that an instance is at present. */
  pid(instance: string): number {
    const started = this.supervisor.lines.findLast(
      ({ msg, name }) => msg === "instance started" && name === instance,
    );
    return Number(started?.pid);
  }

  /** Resolves when the App's webhook URL at GitHub is this instance's. */
  async hookAt(instance: string): Promise<void> {
    const url = this.host.url(instance, WEBHOOK_PATH);
    await this.github.waitFor(() => this.github.hook.config.url === url, FAILOVER_LIMIT_MS);
  }

  /** Makes another instance the active one, as a person would. */
  async switchOver(to: string): Promise<void> {
    const body = { to, reason: "the demo", force: true };
    const response = await this.host.admin("backup", "POST", "/api/switchover", body);
    if (!response.ok) throw new Error(`the switchover was refused: ${await response.text()}`);
    await this.hookAt(to);
  }

  /** Ends the switchover, as soon as the instance that it holds would be chosen anyway. */
  async release(): Promise<void> {
    const until = performance.now() + FAILOVER_LIMIT_MS;
    for (let healthy = false; !healthy && performance.now() < until; await sleep(LOOK_MS)) {
      const { active, endpoints } = (await (
        await this.host.admin("backup", "GET", "/api/status")
      ).json()) as Status;
      healthy = endpoints.some(({ name, status }) => name === active && status === "healthy");
    }
    const response = await this.host.admin("backup", "DELETE", "/api/switchover");
    if (!response.ok) throw new Error(`the switchover was not released: ${await response.text()}`);
  }

  /** The instance that a URL belongs to. */
  instanceAt(url: string): string {
    const found = Object.entries(this.host.urls).find(([, base]) => url.startsWith(base));
    return found?.[0] ?? url;
  }

  /** Ends all processes and removes what they wrote. */
  async close(): Promise<void> {
    const timer = setTimeout(() => void this.supervisor.kill(), STOP_LIMIT_MS);
    await this.supervisor.kill("SIGTERM");
    clearTimeout(timer);
    await untilLeft(this.host.directory);
    await this.host.close();
    await this.github.close();
  }
}
