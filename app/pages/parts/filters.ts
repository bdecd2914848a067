import { html } from "hono/html";
import type { Markup } from "../layout.ts";

/** A filter of a list: its name in the query, and its options. */
export interface Choice {
  name: string;
  label: string;
  /** The text while no option is chosen; default: `LABEL: all`. */
  unchosen?: string;
  options: readonly { value: string; text: string }[];
}

/**
 * The filters and the search of a list, as a form that works without scripts. `action` is the list's address;
 * `query` holds the current choice.
 */
export function filterForm(
  action: string,
  { choices, search, query }: { choices: readonly Choice[]; search: string; query: URLSearchParams },
): Markup {
  const narrowed = [...query].some(([name, value]) => name !== "before" && value !== "");
  return html`<form class="filters" method="get" action="${action}" role="search" data-filters>
    <label class="grow"><span class="hidden-text">${search}</span>
      <input type="search" name="q" value="${query.get("q") ?? ""}" placeholder="${search}" maxlength="200" spellcheck="false" autocapitalize="off"></label>
    ${choices.map(
      ({
        name,
        label,
        unchosen = `${label}: all`,
        options,
      }) => html`<label><span class="hidden-text">${label}</span>
        <select name="${name}">
          <option value="">${unchosen}</option>
          ${options.map(
            ({ value, text }) =>
              html`<option value="${value}"${query.get(name) === value && html` selected`}>${text}</option>`,
          )}
        </select></label>`,
    )}
    <button class="button">Show</button>
    ${narrowed && html`<a class="button" href="${action}">Clear</a>`}
  </form>`;
}

/** The value of a parameter, if it is allowed. */
export function chosen<T extends string>(
  query: URLSearchParams,
  name: string,
  allowed: readonly T[],
): T | undefined {
  return allowed.find((value) => value === query.get(name));
}

/** Links to newer and older entries of a list; `next` is the place of the older ones, null at the end. */
export function pager(path: string, query: URLSearchParams, next: string | null): Markup {
  const to = (before: string | null) => {
    const changed = new URLSearchParams(
      [...query].filter(([name, value]) => name !== "before" && value !== ""),
    );
    if (before !== null) changed.set("before", before);
    return changed.size === 0 ? path : `${path}?${changed}`;
  };
  const older = next === null ? null : to(next);
  if (older === null && !query.has("before")) return html``;
  return html`<nav class="pager" aria-label="More entries">
    ${query.has("before") && html`<a class="button" href="${to(null)}">Newest</a>`}
    ${older !== null && html`<a class="button" href="${older}" rel="next">Older</a>`}
  </nav>`;
}
