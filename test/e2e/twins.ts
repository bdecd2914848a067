import { expect } from "vitest";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { atTestEnd } from "../helpers/at-test-end.ts";
import { eventually } from "../helpers/eventually.ts";
import { type Engine, newDatabaseUrl } from "../helpers/stores.ts";
import { TestHost, type TestHostOptions } from "../helpers/test-host.ts";
import { type GitHub, startGitHub } from "../simulator/simulator.ts";

export const REPOSITORY = "acme/site";

/** A simulated GitHub with one repository, and a host on which no instance runs yet. */
export interface Scene {
  github: GitHub;
  host: TestHost;
}

/** Sets the scene on this store, and clears it away when the test has ended. */
export async function setScene(
  engine: Engine,
  options: Omit<TestHostOptions, "github" | "store"> = {},
): Promise<Scene> {
  const github = await startGitHub();
  atTestEnd(() => github.close());
  github.addRepository(REPOSITORY);
  const store = await newDatabaseUrl(engine);
  const host = await TestHost.create({ github, ...options, ...(store && { store }) });
  atTestEnd(() => host.close());
  return { github, host };
}

/** The same, with both twins listening, and GitHub's webhook pointing to the primary. */
export async function setTwinScene(engine: Engine, options: Omit<TestHostOptions, "github" | "store"> = {}) {
  const scene = await setScene(engine, options);
  const [primary, backup] = await Promise.all([scene.host.start("primary"), scene.host.start("backup")]);
  pointHookTo(scene, "primary");
  return { ...scene, primary, backup };
}

/** The same in the test's own process, where neither of them has to die. */
export async function setTwinSceneInProcess(
  engine: Engine,
  options: Omit<TestHostOptions, "github" | "store"> = {},
): Promise<Scene> {
  const scene = await setScene(engine, options);
  await Promise.all([scene.host.startInProcess("primary"), scene.host.startInProcess("backup")]);
  pointHookTo(scene, "primary");
  return scene;
}

/** The same with both instances down that ran before: what is older than a target is nothing to it. */
export async function setSceneWhileDown(
  engine: Engine,
  options: Omit<TestHostOptions, "github" | "store"> = {},
): Promise<Scene> {
  const scene = await setScene(engine, options);
  const primary = await scene.host.startInProcess("primary");
  await primary.kill();
  return scene;
}

/** Sets the App's webhook URL at GitHub. */
export function pointHookTo({ github, host }: Scene, instance: string): void {
  github.hook.config.url = host.url(instance, WEBHOOK_PATH);
}

/** The looks at the start are over: they might find a run before its event is delivered. */
export async function firstLooksAreOver({ host }: Scene, instance: string): Promise<void> {
  const status = async () =>
    (await (await host.admin(instance, "GET", "/api/status")).json()) as {
      catch_up: { last_run_at: string | null };
    };
  await eventually(async () => expect((await status()).catch_up.last_run_at).not.toBeNull());
}

/** Resolves with what GitHub shows of its only deployment, once its last status is `state`. */
export async function shownAs({ github }: Scene, state: string) {
  await github.waitFor(() => github.statuses(REPOSITORY).at(-1)?.state === state);
  const [deployment, ...others] = github.deployments(REPOSITORY);
  if (!deployment || others.length > 0) throw new Error(`GitHub shows ${1 + others.length} deployments`);
  return deployment;
}

/**
 * A run completes at GitHub, and this very instance gets its event, whatever the webhook URL says. Resolves with
 * the id of the deployment that the instance's 2xx names.
 */
export async function deliverRun({ github, host }: Scene, instance: string): Promise<string> {
  const { event } = github.completeRun({ repository: REPOSITORY, send: false });
  const response = await host.sendEvent(instance, event);
  if (!response.ok) throw new Error(`${instance} answered ${response.status}: ${await response.text()}`);
  return deploymentIn(await response.text());
}

/** The id of the only deployment that an answer of the webhook entrance names. */
export function deploymentIn(answer: string | null): string {
  const { deployments } = JSON.parse(answer ?? "{}") as { deployments?: { id: string }[] };
  const [only, ...others] = deployments ?? [];
  if (!only || others.length > 0) throw new Error(`expected one deployment, got ${answer}`);
  return only.id;
}
