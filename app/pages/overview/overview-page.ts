import { html } from "hono/html";
import { mayOperate, type Viewer } from "../../auth/viewer.ts";
import { UNDELIVERED_SCAN } from "../../catch-up/undelivered-events.ts";
import { targetPath } from "../../config/link-base.ts";
import { deliveryRow } from "../deliveries/delivery-row.ts";
import { deploymentRow } from "../deployments/deployment-row.ts";
import type { Markup } from "../layout.ts";
import type { LivePage } from "../live-page.ts";
import type { PageOptions } from "../page-options.ts";
import { icon } from "../parts/icons.ts";
import { emptyState, list } from "../parts/list.ts";
import { deploymentState } from "../parts/state.ts";
import { elapsed, moment } from "../parts/time.ts";
import { chartData } from "./chart-data.ts";
import { endpointCards } from "./endpoint-cards.ts";
import { type Overview, readOverview } from "./read-overview.ts";
import { switchoverDialogs } from "./switchover.ts";
import { timeline } from "./timeline.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

/** The first page: whether deployments are safe, and all facts behind that verdict. */
export async function overviewPage(o: PageOptions, viewer: Viewer): Promise<LivePage> {
  const overview = await readOverview(o, viewer);
  const github = o.config.environment.githubUrl;
  const row = { github, now: overview.now };
  const verdict = verdictOf(overview);
  const operates = mayOperate(viewer);
  return {
    title: { good: "Safe", warn: "Attention", bad: "Not safe" }[verdict.level],
    place: "overview",
    regions: {
      verdict: verdictBanner(verdict, overview.now),
      endpoints: endpointCards(overview),
      samples: chartData(overview),
      switchover: operates
        ? html`<div class="actions needs-script">
            <button class="button small" data-dialog="switch-over">${icon("swap")}Switch over…</button>
            ${overview.pinned !== null && html`<button class="button small" data-dialog="release">${icon("pin")}Release ${overview.pinned}…</button>`}
          </div>`
        : html``,
      targets: targetList(overview),
      pending: list(
        overview.pending.shown.map((deployment) => deploymentRow(deployment, row)),
        html`<p class="empty slim">${icon("check")}Nothing waits, nothing runs.</p>`,
      ),
      deployments: list(
        overview.deployments.map((deployment) => deploymentRow(deployment, row)),
        emptyState(
          "play",
          "No deployment yet",
          "The first one comes when a workflow of a target has succeeded.",
        ),
      ),
      deliveries: list(
        overview.deliveries.map(deliveryRow),
        emptyState(
          "inbox",
          "No delivery yet",
          "What GitHub and the Action send appears here, whatever becomes of it.",
        ),
      ),
      changes: timeline(overview.changes),
      numbers: numbers(overview),
    },
    arrange: (frame) => html`<h1 class="hidden-text">Overview</h1>
      ${frame("verdict")}
      <section class="box" aria-labelledby="h-endpoints">
        <header><h2 id="h-endpoints">Endpoints</h2>${frame("switchover")}</header>
        ${frame("endpoints")}
        <figure class="chart needs-script" aria-label="Response time of each endpoint over the last hour">
          <figcaption>Response time over the last hour</figcaption>
          <div id="chart"></div>
          ${frame("samples")}
        </figure>
      </section>
      <div class="columns">
        <div>
          ${box("Queue", "pending", frame)}
          ${box("Deployments", "deployments", frame, html`<a href="/deployments">All deployments</a>`)}
          ${box("Deliveries", "deliveries", frame, html`<a href="/deliveries">All deliveries</a>`)}
        </div>
        <div class="aside">
          ${box("Targets", "targets", frame)}
          ${box("Failovers and recoveries", "changes", frame)}
          ${box("Nothing forgotten", "numbers", frame)}
        </div>
      </div>
      ${
        operates &&
        switchoverDialogs(
          o.config.instances.map(({ name }) => name),
          overview.active,
        )
      }`,
  };
}

function box(title: string, region: string, frame: (name: string) => Markup, more?: Markup): Markup {
  return html`<section class="box" aria-labelledby="h-${region}">
    <header><h2 id="h-${region}">${title}</h2>${more}</header>
    ${frame(region)}
  </section>`;
}

const VERDICT_ICONS = { good: "check", warn: "warning", bad: "cross" } as const;

function verdictBanner({ level, sentence, advice }: Verdict, now: number): Markup {
  return html`<section class="verdict ${level}" role="status" aria-label="Verdict">
    ${icon(VERDICT_ICONS[level])}
    <div>
      <p class="verdict-sentence">${sentence}</p>
      ${
        advice.length > 0 &&
        html`<ul class="advice">${advice.map(
          ({ text, since, link }) =>
            html`<li>${text}${since !== undefined && html` For <span class="nowrap">${elapsed(since, now)}</span>.`} ${link && html`<a href="${link.path}">${link.text}</a>`}</li>`,
        )}</ul>`
      }
    </div>
  </section>`;
}

function targetList({ targets }: Overview): Markup {
  return list(
    targets.map(
      ({ repository, name, last }) => html`<li class="row" id="target-${repository}-${name}">
        <div class="row-main">
          <p class="row-title"><a href="${targetPath(repository, name)}"><bdi>${name}</bdi></a></p>
          <p class="row-meta"><bdi>${repository}</bdi>
            ${last?.order_note && html`<span class="reason">${last.order_note}</span>`}</p>
        </div>
        <div class="row-side">${last ? deploymentState(last.status) : html`<span class="muted small">never deployed</span>`}
          ${last && html`<a class="muted small" href="/deployments/${last.id}">${moment(last.finished_at ?? last.accepted_at)}</a>`}</div>
      </li>`,
    ),
    emptyState(
      "question",
      "No target",
      "Add one to twinhook.yml: which repository, workflow and branch deploy where.",
    ),
  );
}

function numbers({ verification, looks, webhook, pending }: Overview): Markup {
  const found = looks.reduce((sum, look) => sum + look.found, 0);
  const accepted = looks.reduce((sum, look) => sum + look.accepted, 0);
  const lookedAt = looks.find(({ name }) => name === UNDELIVERED_SCAN)?.completed_at ?? null;
  return html`<dl class="facts padded">
    <dt>Waiting</dt><dd>${pending.queued} queued, ${pending.running} running</dd>
    <dt>Asked for by Actions</dt><dd>${
      verification.requested === 0
        ? "nothing so far"
        : `${verification.requested}, of which ${verification.verified} ${verification.verified === 1 ? "was" : "were"} verified`
    }</dd>
    <dt>Caught up</dt><dd>${
      lookedAt === null
        ? "GitHub's delivery log has not been read yet"
        : html`${
            found === 0
              ? "nothing had failed to arrive"
              : html`<a href="/deliveries?source=catch_up">${found} found</a> that had not arrived: ${accepted} deployed, ${found - accepted} overtaken by newer runs`
          }; last look ${moment(lookedAt)}`
    }</dd>
    <dt>Webhook at GitHub</dt><dd>${
      webhook.url === null
        ? "not read yet"
        : html`<span class="mono">${webhook.url}</span>${
            webhook.verifiedAt !== null && html`, read back ${moment(webhook.verifiedAt)}`
          }`
    }</dd>
  </dl>`;
}
