import { html } from "hono/html";
import { formatDuration } from "../../../shared/format-duration.ts";
import { shownRate } from "../../failover/health-window.ts";
import type { Markup } from "../layout.ts";
import { icon } from "../parts/icons.ts";
import { endpointState } from "../parts/state.ts";
import { elapsed } from "../parts/time.ts";
import type { Overview, OverviewEndpoint } from "./read-overview.ts";

/** The endpoints side by side: the health and the role of each. */
export function endpointCards(overview: Overview): Markup {
  return html`<ul class="cards">${overview.endpoints.map((endpoint) => card(endpoint, overview))}</ul>`;
}

function card(endpoint: OverviewEndpoint, overview: Overview): Markup {
  const { name, url, status, reason, since, averageMs, successRate } = endpoint;
  return html`<li class="card" id="endpoint-${name}">
    <div class="card-head"><h3>${name}</h3>${endpointState(status)}</div>
    <p class="mono muted">${url}</p>
    <p class="tags">
      ${name === overview.active && html`<span class="tag strong">${icon("inbox")}${activeTag(overview)}</span>`}
      ${name === overview.controller && html`<span class="tag">${icon("swap")}controls</span>`}
      ${name === overview.pinned && html`<span class="tag strong">${icon("pin")}pinned</span>`}
      ${name === overview.instance && html`<span class="tag">shows you this page</span>`}
    </p>
    <dl class="numbers">
      <div><dt>Response time</dt><dd>${averageMs === null ? "–" : formatDuration(averageMs)}</dd></div>
      <div><dt>Success rate</dt><dd>${successRate === null ? "–" : `${shownRate(successRate)} %`}</dd></div>
      <div><dt>${capital(status)} for</dt><dd>${since === null ? "–" : elapsed(since, overview.now)}</dd></div>
    </dl>
    ${status !== "healthy" && html`<p class="reason">${reason}</p>`}
  </li>`;
}

function activeTag({ mode, hasDoor, webhook }: Overview): string {
  if (mode === "broadcast" || hasDoor) return "preferred now";
  return webhook.inSync ? "active: GitHub delivers here" : "active: GitHub is to deliver here";
}

function capital(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}
