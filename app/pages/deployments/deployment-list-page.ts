import { html } from "hono/html";
import { DEPLOYMENT_STATUSES } from "../../../shared/deployment.ts";
import { maySee, type Viewer, visibleRepositories } from "../../auth/viewer.ts";
import { decodeCursor, encodeCursor } from "../../http/list-query.ts";
import { type DeploymentFilter, listDeployments } from "../../reads/list-deployments.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import type { LivePage } from "../live-page.ts";
import type { PageOptions } from "../page-options.ts";
import { chosen, filterForm, pager } from "../parts/filters.ts";
import { emptyState, list } from "../parts/list.ts";
import { deploymentRow } from "./deployment-row.ts";

const PER_PAGE = 30;
const SEARCH = "Commit, run id or deployment id";

/** `/deployments`: all deployments, with filters and search. */
export async function deploymentListPage(o: PageOptions, viewer: Viewer, url: URL): Promise<LivePage> {
  const query = url.searchParams;
  const targets = o.config.targets.filter(({ repository }) => maySee(viewer, repository));
  const target = targets.find((t) => targetValue(t) === query.get("target"));
  const found = searched(query.get("q")?.trim() ?? "");
  const before = decodeCursor<[seq: number]>(query.get("before") ?? undefined, ["number"])?.[0];
  const { rows, next } =
    found === null
      ? { rows: [], next: null }
      : await listDeployments(o.store, {
          visible: visibleRepositories(viewer),
          filter: {
            ...found,
            status: chosen(query, "status", DEPLOYMENT_STATUSES),
            repository: target && repositoryKey(target.repository),
            target: target?.name,
          },
          before,
          limit: PER_PAGE,
        });
  const row = { github: o.config.environment.githubUrl, now: o.now() };
  return {
    title: "Deployments",
    place: "deployments",
    regions: {
      list: list(
        rows.map((deployment) => deploymentRow(deployment, row)),
        query.size === 0
          ? emptyState(
              "play",
              "No deployment yet",
              "The first one comes when a workflow of a target has succeeded.",
            )
          : emptyState(
              "search",
              "No deployment matches",
              found === null
                ? "Search by the beginning of a commit, by a run id, or by a deployment's id."
                : "Choose something else, or clear the filters.",
            ),
      ),
      pager: pager("/deployments", query, next === null ? null : encodeCursor([next])),
    },
    arrange: (frame) => html`<h1>Deployments</h1>
      ${filterForm("/deployments", {
        search: SEARCH,
        query,
        choices: [
          {
            name: "status",
            label: "Status",
            options: DEPLOYMENT_STATUSES.map((s) => ({ value: s, text: s })),
          },
          {
            name: "target",
            label: "Target",
            options: targets.map((t) => ({ value: targetValue(t), text: `${t.name} of ${t.repository}` })),
          },
        ],
      })}
      <section class="box" aria-label="Deployments">${frame("list")}</section>
      ${frame("pager")}`,
  };
}

/** The value of the filter for a target. */
export const targetValue = ({ repository, name }: { repository: string; name: string }) =>
  `${repository}/${name}`;

/** The meaning of a search text; null when it can match no deployment. */
function searched(text: string): Pick<DeploymentFilter, "id" | "run" | "sha"> | null {
  if (text === "") return {};
  if (/^dep_[0-9a-f]+$/.test(text)) return { id: text };
  if (/^\d{1,15}$/.test(text)) return { run: Number(text) };
  if (/^[0-9a-f]{4,64}$/i.test(text)) return { sha: text.toLowerCase() };
  return null;
}
