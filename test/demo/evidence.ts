import type { Deployment } from "../../shared/deployment.ts";
import { liveSha } from "./site.ts";
import { REPOSITORY, type Stage } from "./stage.ts";
import type { Evidence, Message } from "./verdict.ts";
import { githubShows } from "./watch.ts";

/** Gathers what is on record: at the instance `from`, in the scripts' own notes, on the site, and at GitHub. */
export async function gather(stage: Stage, from: string, messages: readonly Message[]): Promise<Evidence> {
  const deliveries = await all<{ guid: string | null }>(stage, from, "/api/deliveries");
  return {
    messages,
    deployments: await all<Deployment>(stage, from, "/api/deployments"),
    guids: deliveries.flatMap(({ guid }) => guid ?? []),
    commands: stage.host.trace(),
    liveSha: liveSha(stage.host.siteDirectory),
    shown: githubShows(stage),
  };
}

/** Every item of a list of the API's, page by page. */
async function all<T>({ host }: Stage, from: string, path: string): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const query = `repository=${encodeURIComponent(REPOSITORY)}&per_page=100${cursor && `&cursor=${cursor}`}`;
    const response = await host.admin(from, "GET", `${path}?${query}`);
    if (!response.ok) throw new Error(`the ${from} does not list ${path}: ${await response.text()}`);
    const page = (await response.json()) as { items: T[]; next_cursor: string | null };
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return items;
}
