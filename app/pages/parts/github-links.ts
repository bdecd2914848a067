import { html } from "hono/html";
import type { Markup } from "../layout.ts";

/** Links to the origin of a deployment; `github` is GitHub's own URL. */
export function commitLink(github: string, repository: string, sha: string): Markup {
  return html`<a class="mono" href="${github}/${repository}/commit/${sha}">${sha.slice(0, 7)}</a>`;
}

/** A branch or tag under its short name. */
export function refLink(github: string, repository: string, ref: string): Markup {
  const name = ref.replace(/^refs\/(heads|tags)\//, "");
  const path = name.split("/").map(encodeURIComponent).join("/");
  return html`<a class="ref" href="${github}/${repository}/tree/${path}"><bdi>${name}</bdi></a>`;
}

/** GitHub's comparison: the commits that are in `to` and not in `from`. */
export function compareLink(
  github: string,
  repository: string,
  { from, to, text }: { from: string; to: string; text: string },
): Markup {
  return html`<a href="${github}/${repository}/compare/${from}...${to}">${text}</a>`;
}

export function runLink(github: string, repository: string, runId: number, attempt: number | null): Markup {
  const path = attempt === null ? "" : `/attempts/${attempt}`;
  return html`<a href="${github}/${repository}/actions/runs/${runId}${path}">run ${runId}${
    attempt !== null && attempt > 1 && `, attempt ${attempt}`
  }</a>`;
}
