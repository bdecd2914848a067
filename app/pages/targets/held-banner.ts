import { html } from "hono/html";
import type { Visit } from "../../auth/sign-in.ts";
import { maySee, type Viewer } from "../../auth/viewer.ts";
import { targetPath } from "../../config/link-base.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { heldTargets } from "../../reads/held-targets.ts";
import type { Store } from "../../store/store.ts";
import type { Frame, Markup } from "../layout.ts";
import { icon } from "../parts/icons.ts";
import { moment, utc } from "../parts/time.ts";

/** So many held targets are named; the rest are counted. */
const SHOWN = 3;

interface BannerOptions {
  store: Store;
  config: { targets: readonly TargetConfig[] };
}

/** The banner of every page while targets are held: who, why, since when, and how many runs wait. */
export async function heldBanner({ store, config }: BannerOptions, viewer: Viewer): Promise<Markup> {
  const held = await heldTargets(store, config.targets, (repository) => maySee(viewer, repository));
  if (held.length === 0) return html``;
  const more = held.length - SHOWN;
  return html`<section class="banner" aria-label="Held targets">${held.slice(0, SHOWN).map(
    ({ repository, name, by, reason, since, until, waiting }) => html`<p>${icon("pin")}<span>
      <a href="${targetPath(repository, name)}"><bdi>${name}</bdi> of <bdi>${repository}</bdi></a> is held by <bdi>${by}</bdi>,
      since ${moment(since)}${until !== null && `, until ${utc(until)}`}. ${waitingWords(waiting)} Reason: <bdi>${reason}</bdi></span></p>`,
  )}${more > 0 && html`<p>${more} more ${more === 1 ? "target is" : "targets are"} held.</p>`}</section>`;
}

/** How many runs wait, as a sentence. */
export function waitingWords(count: number): string {
  if (count === 0) return "No run waits.";
  return `${count} ${count === 1 ? "run waits" : "runs wait"}.`;
}

/** A visit with the banner that its pages show. */
export async function withBanner(o: BannerOptions, { viewer, csrfToken }: Visit): Promise<Frame> {
  return { viewer, csrfToken, banner: await heldBanner(o, viewer) };
}
