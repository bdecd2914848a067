import type { Viewer } from "../auth/viewer.ts";
import { deliveryListPage } from "./deliveries/delivery-list-page.ts";
import { deliveryPage } from "./deliveries/delivery-page.ts";
import { deploymentListPage } from "./deployments/deployment-list-page.ts";
import { deploymentPage } from "./deployments/deployment-page.ts";
import type { LivePage } from "./live-page.ts";
import { overviewPage } from "./overview/overview-page.ts";
import type { PageOptions } from "./page-options.ts";

/**
 * What the page at this address shows now, for this viewer; null where no live page is.
 * @throws {HttpProblem} 404 where it shows something that is not there, or not for this viewer.
 */
export async function loadPage(
  o: PageOptions,
  viewer: Viewer,
  url: URL,
  /** Logs are left out where only what changed is asked for: they have a way of their own. */
  { withLog }: { withLog: boolean },
): Promise<LivePage | null> {
  const [, place, id, more] = url.pathname.split("/");
  if (more !== undefined) return null;
  if (place === "" && id === undefined) return overviewPage(o, viewer);
  if (place === "deployments")
    return id ? deploymentPage(o, viewer, id, { withLog }) : deploymentListPage(o, viewer, url);
  if (place === "deliveries") return id ? deliveryPage(o, viewer, id) : deliveryListPage(o, viewer, url);
  return null;
}
