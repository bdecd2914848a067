import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Hono } from "hono";
import { newEntryPoint } from "../bundle/entry-points.ts";

/** The path of the assets. */
export const ASSETS_PATH = "/assets";

/** A file for browsers. */
export interface Asset {
  body: string;
  type: string;
  etag: string;
}

/** The URL of an asset, such as `style.css`. */
export function assetUrl(path: string): string {
  return `${ASSETS_PATH}/${path}`;
}

/**
 * Serves styles, icons and the modules for browsers. The modules are TypeScript, served without their types,
 * one by one, since they are few. Browsers check each time whether their copy is current, so that a page
 * never mixes two releases.
 */
export function assetRoutes(): Hono {
  let assets: Promise<Map<string, Asset>> | undefined;
  const routes = new Hono();
  routes.get("/:path{.+}", async (c) => {
    // Assets are read at the first request for one.
    assets ??= readAssets().catch((error) => {
      assets = undefined;
      throw error;
    });
    const asset = (await assets).get(c.req.param("path"));
    if (!asset) return c.notFound();
    const headers = {
      etag: asset.etag,
      "cache-control": "no-cache",
      "content-type": asset.type,
      "x-content-type-options": "nosniff",
    };
    if (c.req.header("if-none-match")?.includes(asset.etag)) return c.body(null, 304, headers);
    return c.body(asset.body, 200, headers);
  });
  return routes;
}

async function readAssets(): Promise<Map<string, Asset>> {
  const thread = new Worker(newEntryPoint("read-assets"), {
    workerData: ASSETS_PATH,
    // Node's word about taking types out is nothing that an operator can act on.
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const [assets] = await once(thread, "message");
  return assets;
}
