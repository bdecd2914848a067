import { html, raw } from "hono/html";
import { isFinal } from "../../../shared/deployment.ts";
import { parseExact, stringifyExact } from "../../../shared/json-text.ts";
import { mayManage, maySee, type Viewer } from "../../auth/viewer.ts";
import { targetPath } from "../../config/link-base.ts";
import { HttpProblem } from "../../http/problem.ts";
import { type HostRun, hostRuns } from "../../queue/placement/host-runs.ts";
import { waitingSince } from "../../queue/waiting-since.ts";
import { listDeliveries } from "../../reads/list-deliveries.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import type { DeliveryRow, DeploymentRecord } from "../../store/schema.ts";
import { deliveryRow } from "../deliveries/delivery-row.ts";
import type { Markup } from "../layout.ts";
import type { LivePage } from "../live-page.ts";
import type { PageOptions } from "../page-options.ts";
import { buttons } from "../parts/dialog-buttons.ts";
import { commitLink, refLink, runLink } from "../parts/github-links.ts";
import { emptyState, list } from "../parts/list.ts";
import { SOURCES } from "../parts/sources.ts";
import { deploymentState, hostRunState } from "../parts/state.ts";
import { elapsed, moment, span } from "../parts/time.ts";
import { type LogPiece, LogReader } from "./read-log.ts";

/** All deliveries of a run arrive within the 3 days for which GitHub keeps undelivered events. */
const ROUTES_WINDOW_MS = 4 * 24 * 3_600_000;
const SHOWN_ROUTES = 20;

/** `/deployments/{id}`: the deployment, its status, its log, and the routes of its request. */
export async function deploymentPage(
  o: PageOptions,
  viewer: Viewer,
  id: string,
  { withLog }: { withLog: boolean },
): Promise<LivePage> {
  const row = await o.store.read
    .selectFrom("deployments")
    .selectAll()
    .where("id", "=", id)
    .executeTakeFirst();
  // Other viewers must not learn whether it exists.
  if (!row || !maySee(viewer, row.repository_key))
    throw new HttpProblem(404, "there is no deployment with this id");
  const github = o.config.environment.githubUrl;
  const manages = mayManage(viewer, row.repository_key);
  const [routes, log] = await Promise.all([
    routesOf(o, row),
    withLog ? new LogReader(o.store, id).next() : [],
  ]);
  return {
    title: `${row.target} ${row.sha.slice(0, 7)}: ${row.status}`,
    place: "deployments",
    log: { deployment: id },
    regions: {
      head: html`<div class="page-head">
        <div>
          <h1><bdi>${row.repository}</bdi> <span class="muted">to</span> ${targetLink(o, row)}</h1>
          ${row.commit_title && html`<p class="commit-title"><bdi>${row.commit_title}</bdi></p>`}
          <p class="row-meta">${deploymentState(row.status)} ${commitLink(github, row.repository, row.sha)}
            ${refLink(github, row.repository, row.ref)} <span class="muted">${progress(row, o.now())}</span></p>
        </div>
        ${manages && actions(row)}
      </div>
      ${row.reason !== null && html`<p class="flash ${row.status === "failed" ? "bad" : "quiet"} reason-flash">${capital(row.reason)}</p>`}`,
      facts: html`${steps(row)}${facts(row, github)}`,
      routes: list(
        routes.map(deliveryRow),
        emptyState("inbox", "No delivery on record", SOURCES[row.source].meaning),
      ),
    },
    arrange: (frame) => html`${frame("head")}
      <div class="columns detail">
        <section class="box" aria-labelledby="h-log">
          <header><h2 id="h-log">Log</h2>
            <button class="button small needs-script" data-log-end hidden>Jump to the end</button>
            <a class="button small" href="/api/deployments/${id}/log">As text</a></header>
          ${logView(id, log, row, o.now() - o.config.retention.logs)}
        </section>
        <div>
          <section class="box" aria-labelledby="h-facts"><header><h2 id="h-facts">About it</h2></header>${frame("facts")}</section>
          ${row.payload !== null && payloadBox(row.payload)}
          <section class="box" aria-labelledby="h-routes"><header><h2 id="h-routes">How its request came</h2></header>${frame("routes")}</section>
        </div>
      </div>
      ${manages && dialogs(id)}`,
  };
}

/** Leads to the page of the target, where there still is one. */
function targetLink({ config }: PageOptions, { repository_key, target }: DeploymentRecord): Markup {
  const found = config.targets.find(
    (one) => repositoryKey(one.repository) === repository_key && one.name === target,
  );
  if (!found) return html`<bdi>${target}</bdi>`;
  return html`<a href="${targetPath(found.repository, target)}"><bdi>${target}</bdi></a>`;
}

function progress(row: DeploymentRecord, now: number): Markup {
  const { status, accepted_at, started_at, verify_started_at, finished_at } = row;
  if (status === "queued") return html`waiting for ${elapsed(waitingSince(row), now)}`;
  if (status === "running" && verify_started_at !== null)
    return html`verifying for ${elapsed(verify_started_at, now)}`;
  if (status === "running" && started_at !== null) return html`running for ${elapsed(started_at, now)}`;
  if (started_at !== null && finished_at !== null)
    return html`${moment(finished_at)}, took ${span(finished_at - started_at)}`;
  return moment(finished_at ?? accepted_at);
}

function actions({ status, cancel_requested_at }: DeploymentRecord): Markup {
  if (!isFinal(status))
    return html`<div class="actions needs-script"><button class="button danger" data-dialog="cancel"${
      cancel_requested_at !== null && html` disabled`
    }>${cancel_requested_at === null ? "Cancel…" : "Being cancelled"}</button></div>`;
  if (status === "failed" || status === "cancelled")
    return html`<div class="actions needs-script"><button class="button" data-dialog="retry">Retry…</button></div>`;
  return html``;
}

function dialogs(id: string): Markup {
  return html`<dialog id="cancel" aria-labelledby="cancel-title">
      <form method="dialog" data-call="POST /api/deployments/${id}/cancel">
        <h2 id="cancel-title">Cancel this deployment?</h2>
        <p>While it waits, it never begins. While it runs, its command is told to end, and ended after 10 s.</p>
        ${buttons("Cancel the deployment", true)}
      </form>
    </dialog>
    <dialog id="retry" aria-labelledby="retry-title">
      <form method="dialog" data-call="POST /api/deployments/${id}/retry">
        <h2 id="retry-title">Retry this deployment?</h2>
        <p>Its command runs again, as the next attempt. If a newer run has been deployed since, that is refused.</p>
        ${buttons("Retry")}
      </form>
    </dialog>`;
}

/** The command and the verification, one after the other; only where there are both. */
function steps(row: DeploymentRecord): Markup {
  const { verify_url, verify_started_at: began, verify_answer, started_at, finished_at, status } = row;
  if (verify_url === null || began === null) return html``;
  return html`<ul class="rows" aria-label="Steps">
    <li class="row"><div class="row-main"><p class="row-title">Command</p>
        <p class="row-meta">took ${span(began - (started_at ?? began))}</p></div>
      <div class="row-side">${deploymentState("succeeded")}</div></li>
    <li class="row"><div class="row-main"><p class="row-title">Verification</p>
        <p class="row-meta"><a href="${verify_url}">${verify_url}</a>
          ${finished_at !== null && html`<span>took ${span(finished_at - began)}</span>`}
          ${verify_answer !== null && html`<span class="reason">last answer: ${verify_answer}</span>`}</p></div>
      <div class="row-side">${deploymentState(status)}</div></li>
  </ul>`;
}

function facts(row: DeploymentRecord, github: string): Markup {
  const fact = (name: string, value: Markup | string | null) =>
    value !== null && html`<dt>${name}</dt><dd>${value}</dd>`;
  return html`<dl class="facts padded">
    ${fact("Environment", row.environment)}
    ${fact(
      "Commit",
      html`<span class="mono">${row.sha}</span>
      <button type="button" class="button small needs-script" data-copy="${row.sha}" title="Copy the commit's SHA">Copy</button>`,
    )}
    ${fact("Branch", refLink(github, row.repository, row.ref))}
    ${fact("Workflow", row.workflow)}
    ${fact("Run", row.run_id === null ? null : runLink(github, row.repository, row.run_id, row.run_attempt))}
    ${fact("By", row.actor && html`<bdi>${row.actor}</bdi>`)}
    ${fact("Order", row.order_note)}
    ${fact("Ref", row.ref_note)}
    ${fact("Came by", html`${SOURCES[row.source].name}: ${SOURCES[row.source].meaning}`)}
    ${fact("Accepted", html`${moment(row.accepted_at)} by ${row.accepted_by}`)}
    ${fact("Started", row.started_at === null ? null : html`${moment(row.started_at)} ${row.run_by && `by ${row.run_by}`}`)}
    ${hostRuns(row).map((run) => fact(`On ${run.host}`, hostRun(run)))}
    ${fact("Ended", row.finished_at === null ? null : moment(row.finished_at))}
    ${fact("Attempt", String(row.attempt))}
    ${fact("Interrupted", row.interruptions === 0 ? null : `${row.interruptions} times: its command may have run more than once`)}
    ${fact("Exit code", row.exit_code === null ? null : String(row.exit_code))}
    ${fact("Verified", row.verified_at === null ? null : html`${moment(row.verified_at)}, by the Action`)}
    ${fact("Superseded by", row.superseded_by && html`<a class="mono" href="/deployments/${row.superseded_by}">${row.superseded_by}</a>`)}
    ${fact("At GitHub", row.github_deployment_id && html`<a href="${github}/${row.repository}/deployments">Deployment ${row.github_deployment_id}</a>`)}
    ${fact("Id", html`<span class="mono">${row.id}</span>`)}
  </dl>`;
}

/** How the command ended on one of the hosts, and when. */
function hostRun({ status, exit_code, started_at, finished_at }: HostRun): Markup {
  const took = started_at !== null && finished_at !== null && `, took ${span(finished_at - started_at)}`;
  return html`${hostRunState(status)} ${
    started_at !== null &&
    html`<span class="muted">${moment(started_at)}${took}${
      exit_code !== null && exit_code !== 0 && `, exit code ${exit_code}`
    }</span>`
  }`;
}

function payloadBox(payload: string): Markup {
  return html`<section class="box" aria-labelledby="h-payload"><header><h2 id="h-payload">Payload</h2></header>
    <pre class="payload" tabindex="0" aria-labelledby="h-payload">${pretty(payload)}</pre></section>`;
}

function pretty(json: string): string {
  try {
    return stringifyExact(parseExact(json), 2);
  } catch {
    return json;
  }
}

/** The log so far. It only grows: later pieces are appended. Logs since `keptFrom` (ms) are still stored. */
function logView(id: string, pieces: readonly LogPiece[], row: DeploymentRecord, keptFrom: number): Markup {
  const last = pieces.at(-1);
  const empty = emptyLog(row, keptFrom);
  return html`<div id="log" class="log" data-deployment="${id}" data-attempt="${last?.attempt ?? 0}" data-seq="${last?.seq ?? -1}">
    ${pieces.map(
      ({ attempt, markup }) => html`<section data-attempt="${attempt}" aria-label="Attempt ${attempt}">
        ${(pieces.length > 1 || attempt > 1) && html`<h3>Attempt ${attempt}</h3>`}
        <pre tabindex="0" aria-label="Output">${raw(markup)}</pre></section>`,
    )}
    ${pieces.length === 0 && html`<p class="empty" data-empty>${empty}</p>`}
  </div>`;
}

function emptyLog({ status, started_at, finished_at }: DeploymentRecord, keptFrom: number): string {
  if (status === "queued") return "It waits for its turn. What its command writes appears here at once.";
  if (status === "running") return "Its command has written nothing so far.";
  if (started_at === null) return "Its command was not run.";
  if (finished_at !== null && finished_at < keptFrom)
    return "What its command wrote is not kept any more (retention.logs in twinhook.yml).";
  return "Its command wrote nothing.";
}

async function routesOf({ store }: PageOptions, row: DeploymentRecord): Promise<DeliveryRow[]> {
  if (row.run_id === null) return [];
  const { rows } = await listDeliveries(store, {
    visible: [row.repository_key],
    filter: { run: row.run_id },
    since: row.accepted_at - ROUTES_WINDOW_MS,
    before: [row.accepted_at + ROUTES_WINDOW_MS, ""],
    limit: SHOWN_ROUTES,
  });
  return rows.filter((delivery) => delivery.deployment_ids.includes(`"${row.id}"`));
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
