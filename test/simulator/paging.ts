import type { Answer, RouteContext } from "./router.ts";

/** One page of a list by `per_page` (30, at most 100) and `page`, with the Link header to its neighbours. */
export function pageOf<T>(
  { query, self }: Pick<RouteContext, "query" | "self">,
  items: readonly T[],
): { items: T[]; headers: Record<string, string> } {
  const size = Math.min(100, Math.max(1, Number.parseInt(query.get("per_page") ?? "", 10) || 30));
  const page = Math.max(1, Number.parseInt(query.get("page") ?? "", 10) || 1);
  const last = Math.max(1, Math.ceil(items.length / size));
  const link = (number: number, rel: string) => linkTo(self, query, { page: String(number) }, rel);
  const links = [
    ...(page > 1 ? [link(page - 1, "prev"), link(1, "first")] : []),
    ...(page < last ? [link(page + 1, "next"), link(last, "last")] : []),
  ];
  return {
    items: items.slice((page - 1) * size, page * size),
    headers: links.length > 0 ? { Link: links.join(", ") } : {},
  };
}

/** A plain list, paged. */
export function listAnswer(context: RouteContext, items: readonly unknown[]): Answer {
  const page = pageOf(context, items);
  return { status: 200, body: page.items, headers: page.headers };
}

/** One entry of a Link header: the same query with some values changed. */
export function linkTo(
  self: string,
  query: URLSearchParams,
  changed: Record<string, string>,
  rel: string,
): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changed)) next.set(name, value);
  return `<${self}?${next}>; rel="${rel}"`;
}
