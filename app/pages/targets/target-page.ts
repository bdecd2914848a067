import { html } from "hono/html";
import { mayManage, maySee, type Viewer } from "../../auth/viewer.ts";
import { hostsInWords } from "../../config/checks/hosts.ts";
import { targetPath } from "../../config/link-base.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { HttpProblem } from "../../http/problem.ts";
import { liveDeployment } from "../../queue/last-success.ts";
import type { TargetAnswer } from "../../reads/answers/target.ts";
import { listTargets } from "../../reads/list-targets.ts";
import { RECENT, recentOf } from "../../reads/recent-deployments.ts";
import { waitingOf } from "../../reads/waiting-deployments.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import type { DeploymentRecord } from "../../store/schema.ts";
import { targetValue } from "../deployments/deployment-list-page.ts";
import { deploymentRow } from "../deployments/deployment-row.ts";
import type { Markup } from "../layout.ts";
import type { LivePage } from "../live-page.ts";
import type { PageOptions } from "../page-options.ts";
import { commitLink, refLink } from "../parts/github-links.ts";
import { icon } from "../parts/icons.ts";
import { emptyState, list } from "../parts/list.ts";
import { moment, span, utc } from "../parts/time.ts";

/** The page lists so many waiting runs, the next ones in order, and counts the rest. */
const SHOWN_WAITING = 20;

/** `/targets/OWNER/REPO/NAME`: what is live there, what waits, who holds it, and how it went of late. */
export async function targetPage(
  o: PageOptions,
  viewer: Viewer,
  named: Pick<TargetConfig, "repository" | "name">,
): Promise<LivePage> {
  const key = repositoryKey(named.repository);
  const target = o.config.targets.find((t) => repositoryKey(t.repository) === key && t.name === named.name);
  // Other viewers must not learn whether it exists.
  if (!target || !maySee(viewer, key)) throw new HttpProblem(404, "there is no target of this name");
  const place = { repositoryKey: key, target: target.name };
  const [[facts], live, waiting, recent] = await Promise.all([
    listTargets(o.store, { targets: [target], instances: o.config.instances }, () => true),
    liveDeployment(o.store.read, place),
    waitingOf(o.store.read, place),
    recentOf(o.store.read, place).selectAll().execute(),
  ]);
  const state = facts as TargetAnswer;
  const manages = mayManage(viewer, key);
  const github = o.config.environment.githubUrl;
  const row = { github, now: o.now() };
  const path = targetPath(target.repository, target.name);
  return {
    title: `${target.name} of ${target.repository}`,
    place: "deployments",
    regions: {
      head: html`<div class="page-head">
        <div>
          <h1><bdi>${target.name}</bdi> <span class="muted">of</span> <bdi>${target.repository}</bdi></h1>
          ${live ? liveLine(live, github) : html`<p class="muted">Nothing has been deployed here yet.</p>`}
        </div>
        ${manages && actions(path, state, live)}
      </div>`,
      facts: figures(state, target),
      waiting: html`${list(
        waiting.slice(0, SHOWN_WAITING).map((one) => deploymentRow(one, row)),
        html`<p class="empty slim">${icon("check")}Nothing waits.</p>`,
      )}${waiting.length > SHOWN_WAITING && html`<p class="empty slim">${waiting.length - SHOWN_WAITING} more wait.</p>`}`,
      recent: list(
        recent.map((one) => deploymentRow(one, { ...row, more: manages && backLink(path, one, live) })),
        emptyState("play", "No deployment yet", "The first one comes when a run of its workflow succeeds."),
      ),
    },
    arrange: (frame) => html`${frame("head")}
      <div class="columns">
        <div>
          <section class="box" aria-labelledby="h-waiting"><header><h2 id="h-waiting">Waiting</h2></header>${frame("waiting")}</section>
          <section class="box" aria-labelledby="h-recent"><header><h2 id="h-recent">The last ${RECENT} deployments</h2>
            <a href="/deployments?target=${encodeURIComponent(targetValue(target))}">All deployments</a></header>${frame("recent")}</section>
        </div>
        <section class="box" aria-labelledby="h-facts"><header><h2 id="h-facts">About it</h2></header>${frame("facts")}</section>
      </div>`,
  };
}

function liveLine(live: DeploymentRecord, github: string): Markup {
  return html`${live.commit_title && html`<p class="commit-title"><bdi>${live.commit_title}</bdi></p>`}
    <p class="row-meta"><span>Live: ${commitLink(github, live.repository, live.sha)}</span>
      ${refLink(github, live.repository, live.ref)}
      <span>since <a href="/deployments/${live.id}">${moment(live.finished_at ?? live.accepted_at)}</a></span>
      ${live.actor !== null && html`<span>by <bdi>${live.actor}</bdi></span>`}</p>`;
}

/** The first click of each command: it leads to a page that asks. */
function actions(path: string, { held, recent }: TargetAnswer, live: DeploymentRecord | undefined): Markup {
  return html`<div class="actions">
    ${live && recent.succeeded > 0 && html`<a class="button" href="${path}/rollback">${icon("back")}Roll back…</a>`}
    ${
      held
        ? html`<a class="button" href="${path}/release">${icon("play")}Release…</a>`
        : html`<a class="button" href="${path}/hold">${icon("pin")}Hold…</a>`
    }
  </div>`;
}

/** Leads from an earlier success to the question whether to go back to it. */
function backLink(path: string, row: DeploymentRecord, live: DeploymentRecord | undefined): Markup | null {
  if (row.status !== "succeeded" || row.sha === live?.sha) return null;
  return html`<a href="${path}/rollback?to=${row.id}">Roll back to ${row.sha.slice(0, 7)}…</a>`;
}

function figures({ live, held, queued, running, recent, hosts }: TargetAnswer, target: TargetConfig): Markup {
  const { succeeded, failed, failure_rate, median_live_ms } = recent;
  const onHosts = live && live.hosts.length > 0 ? live.hosts.join(", ") : null;
  return html`<dl class="facts padded">
    <dt>Environment</dt><dd>${
      target.environment_url === null
        ? target.environment
        : html`<a href="${target.environment_url}">${target.environment}</a>`
    }</dd>
    ${onHosts !== null && html`<dt>Live on</dt><dd>${onHosts}</dd>`}
    ${hosts !== "any" && html`<dt>Hosts</dt><dd>${hostsInWords(hosts)}</dd>`}
    <dt>Queue</dt><dd>${queued} waiting, ${running} running</dd>
    ${
      held &&
      html`<dt>Held by</dt><dd><bdi>${held.by}</bdi>, ${moment(Date.parse(held.since))}</dd>
      <dt>Reason</dt><dd><bdi>${held.reason}</bdi></dd>
      <dt>Until</dt><dd>${held.until === null ? "somebody releases it" : utc(Date.parse(held.until))}</dd>`
    }
    <dt>Failed</dt><dd>${
      failure_rate === null
        ? "none has ended yet"
        : `${failed} of the last ${succeeded + failed} that ended (${failure_rate} %)`
    }</dd>
    <dt>Event to live</dt><dd>${median_live_ms === null ? "not known yet" : html`${span(median_live_ms)} (median)`}</dd>
  </dl>`;
}
