import { html } from "hono/html";
import { formatDuration } from "../../../shared/format-duration.ts";
import type { Markup } from "../layout.ts";

/** A moment (ms), in full; where scripts run, the browser shows how long ago it was. */
export function moment(at: number): Markup {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace("T", " ")} UTC</time>`;
}

/** A moment (ms) in full, also where scripts run. For times to come. */
export function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** A length of time (ms). */
export function span(ms: number): Markup {
  return html`<span class="nowrap">${formatDuration(Math.max(0, ms))}</span>`;
}

/** The time since `at` (ms); where scripts run, the browser counts it on. */
export function elapsed(at: number, now: number): Markup {
  const iso = new Date(at).toISOString();
  const ms = now - at;
  return html`<time datetime="${iso}" data-elapsed>${ms < 1_000 ? "less than 1 s" : formatDuration(ms)}</time>`;
}
