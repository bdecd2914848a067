import type { Viewer } from "../auth/viewer.ts";
import { deliveryListPage } from "./deliveries/delivery-list-page.ts";
import { deliveryPage } from "./deliveries/delivery-page.ts";
import { deploymentListPage } from "./deployments/deployment-list-page.ts";
import { deploymentPage } from "./deployments/deployment-page.ts";
import type { LivePage } from "./live-page.ts";
import { overviewPage } from "./overview/overview-page.ts";
import type { PageOptions } from "./page-options.ts";
import { heldBanner } from "./targets/held-banner.ts";
import { targetPage } from "./targets/target-page.ts";

/**
 * The page at this address for this viewer; null when no live page has the address.
 * @throws {HttpProblem} 404 when its subject does not exist, or is hidden from this viewer.
 */
export async function loadPage(
  o: PageOptions,
  viewer: Viewer,
  url: URL,
  /** Updates leave the log out: it has messages of its own. */
  { withLog }: { withLog: boolean },
): Promise<LivePage | null> {
  const [page, held] = await Promise.all([pageAt(o, viewer, url, { withLog }), heldBanner(o, viewer)]);
  return page && { ...page, regions: { held, ...page.regions } };
}

async function pageAt(
  o: PageOptions,
  viewer: Viewer,
  url: URL,
  { withLog }: { withLog: boolean },
): Promise<LivePage | null> {
  const [, place, id, ...more] = url.pathname.split("/");
  const [repo, name, ...further] = more;
  if (place === "targets" && id && repo && name && further.length === 0)
    return targetPage(o, viewer, { repository: `${id}/${repo}`, name: decoded(name) });
  if (more.length > 0) return null;
  if (place === "" && id === undefined) return overviewPage(o, viewer);
  if (place === "deployments")
    return id ? deploymentPage(o, viewer, id, { withLog }) : deploymentListPage(o, viewer, url);
  if (place === "deliveries") return id ? deliveryPage(o, viewer, id) : deliveryListPage(o, viewer, url);
  return null;
}

/** A part of a path in plain text; as it is where it cannot be decoded. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
