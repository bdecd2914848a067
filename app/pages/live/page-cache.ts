import { mayOperate, type Viewer, visibleRepositories } from "../../auth/viewer.ts";
import type { LivePage } from "../live-page.ts";
import { loadPage } from "../load-page.ts";
import type { PageOptions } from "../page-options.ts";

/** The pages of one read of the store. Viewers with the same rights share a page, which is read once. */
export class PageCache {
  #options: PageOptions;
  #pages = new Map<string, Promise<LivePage | null>>();

  constructor(options: PageOptions) {
    this.#options = options;
  }

  load(viewer: Viewer, url: URL): Promise<LivePage | null> {
    const rights =
      viewer.kind === "person" ? [viewer.operates, [...viewer.rights].toSorted()] : mayOperate(viewer);
    const key = JSON.stringify([url.pathname, url.search, visibleRepositories(viewer), rights]);
    const loaded = this.#pages.get(key) ?? loadPage(this.#options, viewer, url, { withLog: false });
    this.#pages.set(key, loaded);
    return loaded;
  }
}
