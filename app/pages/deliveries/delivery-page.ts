import { html } from "hono/html";
import { mayManage, maySee, type Viewer, visibleRepositories } from "../../auth/viewer.ts";
import { whyNotAgain } from "../../catch-up/reevaluate.ts";
import { HttpProblem } from "../../http/problem.ts";
import { listDeliveries } from "../../reads/list-deliveries.ts";
import type { DeliveryOutcome, DeliveryRow } from "../../store/schema.ts";
import { docsUrl } from "../../version.ts";
import { deploymentRow } from "../deployments/deployment-row.ts";
import type { Markup } from "../layout.ts";
import type { LivePage } from "../live-page.ts";
import type { PageOptions } from "../page-options.ts";
import { buttons } from "../parts/dialog-buttons.ts";
import { runLink } from "../parts/github-links.ts";
import { emptyState, list } from "../parts/list.ts";
import { SOURCES } from "../parts/sources.ts";
import { deliveryState } from "../parts/state.ts";
import { moment } from "../parts/time.ts";
import { deliveryRow, whatOf } from "./delivery-row.ts";

/** All deliveries of a run arrive within the 3 days for which GitHub keeps undelivered events. */
const WINDOW_MS = 4 * 24 * 3_600_000;
const SHOWN = 20;

/** `/deliveries/{id}`: its origin, its route and its outcome. */
export async function deliveryPage(o: PageOptions, viewer: Viewer, id: string): Promise<LivePage> {
  const { store, config } = o;
  const row = await store.read.selectFrom("deliveries").selectAll().where("id", "=", id).executeTakeFirst();
  if (!row || !maySee(viewer, row.repository))
    throw new HttpProblem(404, "there is no delivery with this id");
  const ids = JSON.parse(row.deployment_ids) as string[];
  const [deployments, others] = await Promise.all([
    ids.length === 0
      ? []
      : store.read.selectFrom("deployments").selectAll().where("id", "in", ids).orderBy("seq").execute(),
    othersOf(o, viewer, row),
  ]);
  const github = config.environment.githubUrl;
  const manages = mayManage(viewer, row.repository);
  const again = manages && whyNotAgain(row) === null;
  const { name, meaning } = SOURCES[row.source];
  return {
    title: `Delivery of ${row.repository}`,
    place: "deliveries",
    regions: {
      head: html`<div class="page-head"><div>
        <h1><bdi>${row.repository || "unknown repository"}</bdi> <span class="muted">${whatOf(row)}</span></h1>
        <p class="row-meta">${deliveryState(row.outcome)} <span class="muted">${moment(row.received_at)}</span>
          ${row.reason !== null && html`<span class="reason">${row.reason}</span>`}</p>
      </div>${again && html`<div class="actions needs-script"><button class="button" data-dialog="redeliver">Judge it again…</button></div>`}</div>`,
      deployments: list(
        deployments.map((deployment) => deploymentRow(deployment, { github, now: o.now() })),
        row.outcome === "waiting"
          ? emptyState("clock", "It has deployed nothing yet", whyNothing(row))
          : emptyState("slash", "It deployed nothing", whyNothing(row)),
      ),
      others: list(
        others.map(deliveryRow),
        emptyState("inbox", "Nothing else", "No other delivery of the same run is on record."),
      ),
      facts: html`<dl class="facts padded">
        <dt>Came by</dt><dd>${name}: ${meaning}</dd>
        <dt>Taken in</dt><dd>${moment(row.received_at)} by ${row.received_by}</dd>
        <dt>Event</dt><dd>${whatOf(row)}</dd>
        ${row.run_id !== null && html`<dt>Run</dt><dd>${runLink(github, row.repository, row.run_id, row.run_attempt)}</dd>`}
        ${row.guid !== null && html`<dt>GUID at GitHub</dt><dd class="mono">${row.guid}</dd>`}
        <dt>Id</dt><dd class="mono">${row.id}</dd>
      </dl>`,
    },
    arrange: (frame) => html`${frame("head")}
      <div class="columns">
        <div>
          <section class="box" aria-labelledby="h-deployments"><header><h2 id="h-deployments">What became of it</h2></header>${frame("deployments")}</section>
          <section class="box" aria-labelledby="h-others"><header><h2 id="h-others">Other deliveries of the same run</h2></header>${frame("others")}</section>
        </div>
        <section class="box" aria-labelledby="h-facts"><header><h2 id="h-facts">About it</h2></header>${frame("facts")}</section>
      </div>
      ${manages && dialog(id)}`,
  };
}

/** The headings of the documentation that say what to do, by outcome. */
export const HELP: Partial<Record<DeliveryOutcome, string>> = {
  ignored: "docs/troubleshooting.md#the-workflow-succeeded-and-nothing-was-deployed",
  waiting: "docs/how-to/approvals.md",
  superseded: "docs/troubleshooting.md#a-deployment-is-superseded",
};

function whyNothing({ outcome, reason }: DeliveryRow): Markup {
  const help = HELP[outcome];
  return html`${reason ?? ""} ${help !== undefined && html`<a href="${docsUrl(help)}">What to do</a>`}`;
}

function dialog(id: string): Markup {
  return html`<dialog id="redeliver" aria-labelledby="redeliver-title">
    <form method="dialog" data-call="POST /api/deliveries/${id}/redeliver">
      <h2 id="redeliver-title">Judge this delivery again?</h2>
      <p>GitHub is asked for the run as it is now. If a target wants it by the configuration of now, it is deployed.</p>
      ${buttons("Judge it again")}
    </form>
  </dialog>`;
}

async function othersOf({ store }: PageOptions, viewer: Viewer, row: DeliveryRow): Promise<DeliveryRow[]> {
  if (row.run_id === null) return [];
  const { rows } = await listDeliveries(store, {
    visible: visibleRepositories(viewer),
    filter: { repository: row.repository, run: row.run_id },
    since: row.received_at - WINDOW_MS,
    before: [row.received_at + WINDOW_MS, ""],
    limit: SHOWN,
  });
  return rows.filter(({ id }) => id !== row.id);
}
