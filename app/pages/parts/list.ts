import { html } from "hono/html";
import type { Markup } from "../layout.ts";
import { type IconName, icon } from "./icons.ts";

/** Entries one below the other, or what to say where there are none. */
export function list(entries: readonly Markup[], empty: Markup): Markup {
  return entries.length === 0 ? empty : html`<ul class="rows">${entries}</ul>`;
}

/** What stands where a list is empty: why, and what will fill it. */
export function emptyState(name: IconName, title: string, text: Markup | string): Markup {
  return html`<div class="empty">${icon(name)}<strong>${title}</strong><p>${text}</p></div>`;
}
