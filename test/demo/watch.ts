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
/** How long GitHub may take to show a status: an instance that dies while it sends one holds it back for 45 s. */
const GITHUB_LIMIT_MS = 90_000;
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
  const tellStart = async () => {
    const { run_by } = await ask(stage, id);
    timeline.note(run_by ?? "demo", `starts deploy.sh for ${label}`);
  };
  const log = watchLog(stage, timeline, id, tellStart);
  const ended = Promise.all([untilEnded(stage, id), log.done]).then(([deployment]) => {
    const { run_by, status, exit_code } = deployment;
    timeline.note(run_by ?? "demo", `${label} ${status}, exit code ${exit_code ?? "none"}: recorded`);
    return deployment;
  });
  // Whoever needs it awaits it; the end of the demo must not be an error beside.
  ended.catch(() => {});
  return { printed: log.printed, ended };
}

async function ask(stage: Stage, id: string, waitS = 0): Promise<Deployment> {
  const response = await stage.host.admin(WITNESS, "GET", `/api/deployments/${id}?wait=${waitS}`);
  if (!response.ok) throw new Error(`the ${WITNESS} does not show ${id}: ${await response.text()}`);
  return (await response.json()) as Deployment;
}

async function untilEnded(stage: Stage, id: string): Promise<Deployment> {
  for (;;) {
    const deployment = await ask(stage, id, POLL_S);
    if (isFinal(deployment.status)) return deployment;
  }
}

/** Follows the log; `onFirst` is called, and waited for, before the first line is told. */
function watchLog(stage: Stage, timeline: Timeline, id: string, onFirst: () => Promise<void>) {
  const seen: string[] = [];
  const waiting = new Set<() => void>();
  const read = async () => {
    const response = await stage.host.admin(WITNESS, "GET", `/api/deployments/${id}/log?follow=1`);
    if (!response.body) throw new Error(`${WITNESS} shows no log of ${id}`);
    const stream = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
    for await (const line of createInterface({ input: stream })) {
      if (seen.length === 0) await onFirst();
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
export async function shownAtGitHub(stage: Stage, runId: number, state: string): Promise<void> {
  await stage.github.waitFor(
    () => githubShows(stage).some((shown) => shown.runId === runId && shown.state === state),
    GITHUB_LIMIT_MS,
  );
}

/** The last status of each of Twinhook's deployments at GitHub, and the workflow run that it belongs to. */
export function githubShows({ github }: Stage): { runId: number | null; state: string }[] {
  return github
    .deployments(REPOSITORY)
    .map(({ id, statuses }) => ({ runId: runOf(github, id), state: statuses.at(-1)?.state ?? "nothing" }));
}

/** The workflow run that a GitHub Deployment of Twinhook's belongs to. */
function runOf(github: Stage["github"], deploymentId: number): number | null {
  const found = github.deployments(REPOSITORY).find(({ id }) => id === deploymentId);
  const payload = found?.payload as { twinhook?: { run_id?: number } } | undefined;
  return payload?.twinhook?.run_id ?? null;
}
