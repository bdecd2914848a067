import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { type Deployment, isFinal } from "../../shared/deployment.ts";
import { REPOSITORY, type Stage } from "./stage.ts";
import type { Timeline } from "./timeline.ts";

/** The instance that is never killed, and so can always be asked. */
const WITNESS = "backup";
/** How long one request waits for a change (seconds); then it is sent again. */
const POLL_S = 20;
/** A wait that is never meant to run out: the end of the demo ends it. */
const FOR_EVER_MS = 2 ** 31 - 1;

/** A deployment that is being watched. */
export interface Watched {
  /** Resolves when its script has printed a line that begins so. */
  printed(beginning: string): Promise<void>;
  /** Resolves with its end. */
  ended: Promise<Deployment>;
}

/** Tells of a deployment from now on: when it starts and by whom, what its script prints, and how it ends. */
export function watchDeployment(stage: Stage, timeline: Timeline, id: string, label: string): Watched {
  const lines = watchLog(stage, timeline, id);
  const ended = follow(stage, id, (now) => {
    const runner = `the runner of the ${now.run_by}`;
    if (now.status === "running") timeline.note(now.run_by ?? "demo", `starts deploy.sh for ${label}`);
    else if (isFinal(now.status))
      timeline.note(
        now.run_by ?? "demo",
        `${label} ${now.status}${now.run_by ? `, recorded by ${runner}` : ""}: exit code ${now.exit_code ?? "none"}`,
      );
  });
  lines.done.catch(() => {});
  ended.catch(() => {});
  return {
    printed: lines.printed,
    ended: ended.then(async (deployment) => {
      await lines.done;
      return deployment;
    }),
  };
}

async function follow(stage: Stage, id: string, tell: (now: Deployment) => void): Promise<Deployment> {
  let known: Deployment | undefined;
  for (let wait = 0; ; wait = POLL_S) {
    const response = await stage.host.admin(WITNESS, "GET", `/api/deployments/${id}?wait=${wait}`);
    if (!response.ok) throw new Error(`${WITNESS} does not show ${id}: ${await response.text()}`);
    const now = (await response.json()) as Deployment;
    // Between two answers it may have both started and ended.
    if (now.started_at && isFinal(now.status) && known?.status !== "running")
      tell({ ...now, status: "running" });
    if (now.status !== known?.status) tell(now);
    if (isFinal(now.status)) return now;
    known = now;
  }
}

function watchLog(stage: Stage, timeline: Timeline, id: string) {
  const seen: string[] = [];
  const waiting = new Set<() => void>();
  const read = async () => {
    const response = await stage.host.admin(WITNESS, "GET", `/api/deployments/${id}/log?follow=1`);
    if (!response.body) throw new Error(`${WITNESS} shows no log of ${id}`);
    const stream = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
    for await (const line of createInterface({ input: stream })) {
      seen.push(line);
      timeline.note("deploy.sh", line);
      for (const look of waiting) look();
    }
  };
  const done = read();
  const printed = (beginning: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!seen.some((line) => line.startsWith(beginning))) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      done.then(() => reject(new Error(`the script ended without printing ${beginning}`)), reject);
    });
  return { done, printed };
}

/** Tells of every status that GitHub shows, as it appears, until GitHub is closed. */
export function watchGitHub(
  { github }: Stage,
  timeline: Timeline,
  label: (runId: number | null) => string,
): void {
  let told = 0;
  const tell = async (): Promise<never> => {
    for (;;) {
      await github.waitFor(() => github.statuses(REPOSITORY).length > told, FOR_EVER_MS);
      for (const { state, deployment_id } of github.statuses(REPOSITORY).slice(told)) {
        told += 1;
        timeline.note("GitHub", `shows the deployment of ${label(runOf(github, deployment_id))}: ${state}`);
      }
    }
  };
  tell().catch(() => {});
}

/** Resolves when GitHub shows this as the last status of a run's deployment. */
export async function shownAtGitHub({ github }: Stage, runId: number, state: string): Promise<void> {
  await github.waitFor(
    () =>
      github
        .deployments(REPOSITORY)
        .some(({ id, statuses }) => runOf(github, id) === runId && statuses.at(-1)?.state === state),
    20_000,
  );
}

/** The workflow run that a GitHub Deployment of Twinhook's belongs to. */
function runOf(github: Stage["github"], deploymentId: number): number | null {
  const found = github.deployments(REPOSITORY).find(({ id }) => id === deploymentId);
  const payload = found?.payload as { twinhook?: { run_id?: number } } | undefined;
  return payload?.twinhook?.run_id ?? null;
}
