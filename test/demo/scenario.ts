import type { WebhookAnswer } from "../../app/reads/answers/delivery.ts";
import { ADMIN_TOKEN } from "../helpers/test-host.ts";
import type { CompleteRunOptions, SentRun } from "../simulator/complete-run.ts";
import type { DeliveryRecord } from "../simulator/delivery-log.ts";
import { runStep, type Step } from "./action-step.ts";
import { HALFWAY } from "./site.ts";
import { CI_WORKFLOW, REPOSITORY, type Stage } from "./stage.ts";
import type { Timeline } from "./timeline.ts";
import type { Message } from "./verdict.ts";
import { shownAtGitHub, type Watched, watchDeployment, watchGitHub } from "./watch.ts";

/** How long a reader at a terminal gets for the heading of a part. */
const READING_MS = 1_500;

/** What the reader is about to see. */
const INTRODUCTION = [
  "Two instances of Twinhook deploy a site. The primary is killed in the middle of a deployment; at the end it",
  "is counted what was lost, doubled or out of order. It takes about 15 seconds, and leaves nothing behind.",
];

/** The story that the demo tells, and a note of every message that was sent in it. */
export class Scenario {
  readonly messages: Message[] = [];
  readonly #stage: Stage;
  readonly #timeline: Timeline;
  readonly #pace: () => Promise<void>;
  readonly #watched = new Map<string, Watched>();

  /** `paced`: with pauses, for someone who reads along. */
  constructor(stage: Stage, timeline: Timeline, { paced }: { paced: boolean }) {
    this.#stage = stage;
    this.#timeline = timeline;
    this.#pace = () => new Promise((resolve) => setTimeout(resolve, paced ? READING_MS : 0));
  }

  /** Plays it from the start of the instances to the last delivery. */
  async play(): Promise<void> {
    for (const line of INTRODUCTION) this.#timeline.line(line);
    await this.#start();
    await this.#oneEvent();
    const slow = await this.#twoRoutes();
    await this.#primaryDies();
    const last = await this.#backupReceives();
    await this.#nothingTwice(slow, last);
  }

  async #part(heading: string, ...explanation: string[]): Promise<void> {
    this.#timeline.heading(heading);
    for (const line of explanation) this.#timeline.explain(line);
    await this.#pace();
  }

  async #start(): Promise<void> {
    const { host } = this.#stage;
    await this.#part(
      "1. npm start: two instances of the GitHub App on one server",
      "GitHub is simulated on this machine; everything else is real. Both share one SQLite file.",
    );
    await Promise.all(
      Object.entries(host.urls).map(async ([name, url]) => {
        await this.#stage.listening(name);
        this.#timeline.note(name, `listens at ${url} (process ${this.#stage.pid(name)})`);
      }),
    );
    watchGitHub(this.#stage, this.#timeline, (runId) => this.#label(runId));
    await this.#stage.hookAt("primary");
    this.#timeline.note("GitHub", "was told the webhook URL of the App: the primary's");
    const [url] = Object.values(host.urls);
    this.#timeline.note("demo", `the dashboard is at ${url}/ (sign in with the admin token: ${ADMIN_TOKEN})`);
  }

  async #oneEvent(): Promise<void> {
    await this.#part("2. A workflow run succeeds: GitHub tells the primary, and the site is deployed");
    const sent = this.#complete({});
    await this.#delivered(sent);
    await this.#deployed(sent);
  }

  /** Returns a run that began here and has not ended yet. */
  async #twoRoutes(): Promise<SentRun> {
    await this.#part(
      "3. GitHub's event and the Action's request, for the same run: one deployment",
      "The Action is a step of a workflow. It reads the result back, so that its green means something.",
    );
    const slow = this.#complete({ action: "requested" }, "begins, and will take long");
    await this.#delivered(slow);
    const sent = this.#complete({});
    const [, step] = await Promise.all([this.#delivered(sent), this.#step(sent, "succeeded")]);
    if (step.result.exitCode !== 0) throw new Error(`the step failed:\n${step.result.stdout}`);
    await this.#deployed(sent);
    return slow;
  }

  async #primaryDies(): Promise<void> {
    const { host, supervisor } = this.#stage;
    await this.#part(
      "4. kill -9 of the primary, in the middle of a deployment",
      "The deployment runs in a process of its own and goes on. The backup notices, and moves the webhook URL.",
      "The next run succeeds in between: GitHub's event reaches nobody, and GitHub never sends it again. The",
      "Action's request finds the backup, and the backup fetches from GitHub's log what could not be delivered.",
    );
    const during = this.#complete({});
    const deployment = await this.#delivered(during);
    await Promise.all([
      deployment?.printed(HALFWAY),
      shownAtGitHub(this.#stage, during.run.id, "in_progress"),
    ]);
    const pid = this.#stage.pid("primary");
    process.kill(pid, "SIGKILL");
    const killedAt = performance.now();
    this.#timeline.note("demo", `kill -9 ${pid}: the primary is dead`);

    const next = this.#complete({});
    const moved = this.#stage.hookAt("backup").then(() => {
      const ms = Math.round(performance.now() - killedAt);
      this.#timeline.note("GitHub", `was told the backup's webhook URL, ${ms} ms after the kill`);
    });
    const back = this.#primaryReturns(pid);
    const [, step] = await Promise.all([this.#delivered(next), this.#step(next, "started"), moved, back]);
    if (step.result.exitCode !== 0) throw new Error(`the step failed:\n${step.result.stdout}`);
    await this.#deployed(during);
    await this.#deployed(next);
    if (supervisor.child.exitCode !== null) throw new Error(`npm start ended:\n${supervisor.output}`);
    const starts = host
      .trace()
      .filter(({ what, runId }) => what === "start" && runId === during.run.id).length;
    this.#timeline.note(
      "demo",
      `the script of ${this.#label(during.run.id)} noted that it started ${times(starts)}`,
    );
  }

  async #primaryReturns(pid: number): Promise<void> {
    const died = await this.#stage.supervisor.line(
      ({ msg, name }) => name === "primary" && (msg ?? "").startsWith("instance died"),
    );
    this.#timeline.note(
      "npm start",
      `the primary died (${died.signal}); starting it again in ${died.pauseMs} ms`,
    );
    await this.#stage.listening("primary", pid);
    this.#timeline.note("primary", `listens again (process ${this.#stage.pid("primary")})`);
  }

  async #backupReceives(): Promise<SentRun> {
    await this.#part("5. GitHub delivers to the backup, and someone switches back at once");
    await this.#stage.hookAt("backup");
    const sent = this.#complete({});
    await this.#delivered(sent);
    await this.#deployed(sent);
    this.#timeline.note("demo", 'POST /api/switchover {"to": "primary"}');
    await this.#stage.switchOver("primary");
    this.#timeline.note("GitHub", "was told the primary's webhook URL again");
    return sent;
  }

  async #nothingTwice(slow: SentRun, last: SentRun): Promise<void> {
    await this.#part(
      "6. What must change nothing",
      "Events that come twice, a run that ends too late, and a stranger's run whose branch is called main.",
    );
    await this.#redeliver(last, "sends it again");
    const missed = this.#stage.github.deliveries.find(
      ({ event, status_code }) => event === "workflow_run" && !isGood(status_code),
    );
    if (missed) await this.#redeliver(missed, "sends again what reached nobody");

    const late = this.#complete(
      { runId: slow.run.id },
      `succeeds only now, after ${this.#label(last.run.id)}`,
    );
    await this.#delivered(late);
    const fork = this.#complete({ fork: true, branch: "main" }, "of a fork's pull request succeeds");
    await this.#delivered(fork);
    await this.#stage.release();
    this.#timeline.note("demo", "DELETE /api/switchover: the primary is well, and nothing holds it any more");
  }

  /** A run at GitHub takes its next step, and its event is sent. */
  #complete(options: Partial<CompleteRunOptions>, what = "succeeds"): SentRun {
    const sent = this.#stage.github.completeRun({ repository: REPOSITORY, path: CI_WORKFLOW, ...options });
    const sha = sent.run.head_sha.slice(0, 7);
    this.#timeline.note("GitHub", `run #${sent.run.run_number} of ${CI_WORKFLOW} (commit ${sha}) ${what}`);
    return sent;
  }

  async #redeliver(which: SentRun | DeliveryRecord, what: string): Promise<void> {
    const { github } = this.#stage;
    const record = "id" in which ? which : await which.delivery;
    const { id } = runIn(record);
    this.#timeline.note("GitHub", `${what}: the event of ${this.#label(id)} (someone clicks "Redeliver")`);
    await this.#arrived(await github.redeliver(record.id));
  }

  async #delivered(sent: SentRun): Promise<Watched | undefined> {
    return this.#arrived(await sent.delivery);
  }

  /** Tells what an instance made of a delivery, and watches the deployment that it made. */
  async #arrived(record: DeliveryRecord): Promise<Watched | undefined> {
    const run = runIn(record);
    const label = this.#label(run.id);
    const to = this.#stage.instanceAt(record.url);
    const accepted = isGood(record.status_code);
    const answer = accepted ? (JSON.parse(record.response.payload ?? "{}") as WebhookAnswer) : null;
    this.messages.push({
      by: "GitHub",
      runId: run.id,
      runAttempt: run.run_attempt,
      sha: run.head_sha,
      guid: record.guid,
      shouldDeploy: record.action === "completed" && run.head_repository.id === record.repository_id,
      accepted,
      outcome: (answer?.outcome as Message["outcome"]) ?? null,
    });
    if (!answer) {
      this.#timeline.note("GitHub", `its event for ${label} reaches nobody (${record.status})`);
      return undefined;
    }
    this.#timeline.note(to, `answers GitHub ${record.status_code} for ${label}: ${explain(answer)}`);
    const made = answer.deployments.find(({ duplicate }) => !duplicate);
    return made && answer.outcome === "deployed" ? this.#watch(made.id, label) : undefined;
  }

  async #step(started: SentRun, waitFor: "started" | "succeeded"): Promise<Step> {
    const { run } = started;
    const step = await runStep(this.#stage, this.#timeline, started, waitFor);
    this.messages.push({
      by: "Action",
      runId: run.id,
      runAttempt: run.run_attempt,
      sha: run.head_sha,
      guid: null,
      shouldDeploy: true,
      accepted: step.accepted,
      outcome: step.accepted ? (step.duplicate ? "duplicate" : "deployed") : null,
    });
    if (step.deploymentId) this.#watch(step.deploymentId, this.#label(run.id));
    return step;
  }

  #watch(id: string, label: string): Watched {
    const known = this.#watched.get(id) ?? watchDeployment(this.#stage, this.#timeline, id, label);
    this.#watched.set(id, known);
    return known;
  }

  /** Resolves when everything about this run has been told: here, and at GitHub. */
  async #deployed({ run }: SentRun): Promise<void> {
    await shownAtGitHub(this.#stage, run.id, "success");
    await Promise.all([...this.#watched.values()].map(({ ended }) => ended));
  }

  #label(runId: number | null): string {
    const run = this.#stage.github.repository(REPOSITORY).runs.find(({ id }) => id === runId);
    return run ? `#${run.attempts[0]?.event.workflow_run.run_number}` : "?";
  }
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

function runIn(record: DeliveryRecord): SentRun["run"] {
  return (record.request.payload as unknown as SentRun["event"]).workflow_run;
}

function explain({ outcome, reason, deployments }: WebhookAnswer): string {
  const id = deployments[0]?.id.slice(0, 12);
  switch (outcome) {
    case "deployed":
      return `accepted and on disk, as ${id}…`;
    case "duplicate":
      return `known already, it is ${id}…`;
    default:
      return reason ? `${outcome}, ${reason}` : outcome;
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
