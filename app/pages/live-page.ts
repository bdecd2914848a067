import { html } from "hono/html";
import type { Markup, Place } from "./layout.ts";

/** A page that updates itself. Its changing parts are regions; each is sent again when it changes. */
export interface LivePage {
  title: string;
  place: Place;
  regions: Record<string, Markup>;
  /** Arranges the regions on the page, each in its frame. */
  arrange: (frame: (name: string) => Markup) => Markup;
  /** The log on the page, which grows by itself. */
  log?: { deployment: string };
}

/** The page's body, with every region in its place. */
export function bodyOf({ regions, arrange }: LivePage): Markup {
  return arrange((name) => html`<div class="region" data-region="${name}">${regions[name]}</div>`);
}
