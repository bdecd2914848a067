import { html } from "hono/html";
import { waitingSince } from "../../queue/waiting-since.ts";
import type { DeploymentRecord } from "../../store/schema.ts";
import type { Markup } from "../layout.ts";
import { commitLink, refLink, runLink } from "../parts/github-links.ts";
import { deploymentState } from "../parts/state.ts";
import { elapsed, moment, span } from "../parts/time.ts";

/** A deployment as an entry of a list. */
export function deploymentRow(
  row: DeploymentRecord,
  { github, now, more }: { github: string; now: number; more?: Markup | null | false },
): Markup {
  return html`<li class="row" id="row-${row.id}">
    <div class="row-main">
      <a class="row-title" href="/deployments/${row.id}"><bdi>${row.repository}</bdi> <span class="muted">to</span> <bdi>${row.target}</bdi></a>
      <p class="row-meta">${commitLink(github, row.repository, row.sha)} ${refLink(github, row.repository, row.ref)}
        ${row.commit_title && html`<bdi class="commit-title">${row.commit_title}</bdi>`}
        ${row.run_id !== null && runLink(github, row.repository, row.run_id, row.run_attempt)}
        ${row.actor !== null && html`<span>by <bdi>${row.actor}</bdi></span>`}
        ${row.reason !== null && html`<span class="reason">${row.reason}</span>`}
        ${more}</p>
    </div>
    <div class="row-side">
      ${deploymentState(row.status)}
      <span class="muted small">${timing(row, now)}</span>
    </div>
  </li>`;
}

function timing(row: DeploymentRecord, now: number): Markup {
  const { status, accepted_at, started_at, finished_at } = row;
  if (status === "running" && started_at !== null) return html`for ${elapsed(started_at, now)}`;
  if (status === "queued") return html`for ${elapsed(waitingSince(row), now)}`;
  if (started_at !== null && finished_at !== null)
    return html`${moment(finished_at)}, took ${span(finished_at - started_at)}`;
  return moment(finished_at ?? accepted_at);
}
