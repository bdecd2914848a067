import { html } from "hono/html";
import type { Markup, Place } from "./layout.ts";

/** A page that changes while it is looked at. What may change stands in regions, and is sent anew by region. */
export interface LivePage {
  title: string;
  place: Place;
  regions: Record<string, Markup>;
  /** Puts the regions, each in its frame, where they belong. */
  arrange: (frame: (name: string) => Markup) => Markup;
  /** The log that the page shows, which grows by itself. */
  log?: { deployment: string };
}

/** The page's body, with every region in its place. */
export function bodyOf({ regions, arrange }: LivePage): Markup {
  return arrange((name) => html`<div class="region" data-region="${name}">${regions[name]}</div>`);
}
