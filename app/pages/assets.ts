import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { findPackageJSON, stripTypeScriptTypes } from "node:module";
import { dirname, extname, join } from "node:path";
import { Hono } from "hono";

const ROOM = import.meta.dirname;

/** Where the assets are served. */
export const ASSETS_PATH = "/assets";

const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".ts": "text/javascript; charset=utf-8",
};

/** Libraries for browsers: how modules import them, where they are served, and their file. */
const LIBRARIES = [
  library("idiomorph", "idiomorph", "dist/idiomorph.esm.js"),
  library("uplot", "uplot", "dist/uPlot.esm.js"),
  library(null, "uplot", "dist/uPlot.min.css"),
];

function library(name: string | null, inPackage: string, file: string) {
  const folder = dirname(findPackageJSON(inPackage, import.meta.url) as string);
  return { name, path: `vendor/${inPackage}/${file}`, file: join(folder, file) };
}

interface Asset {
  body: string;
  type: string;
  etag: string;
}

/** The address of an asset, such as `style.css`. */
export function assetUrl(path: string): string {
  return `${ASSETS_PATH}/${path}`;
}

/**
 * Styles, icons and the modules for browsers. These are TypeScript like everything else: they are served with the
 * types taken out, each as a module of its own, since there are few. Browsers ask each time whether theirs is still
 * the current one, so that a page never mixes two releases.
 */
export function assetRoutes(): Hono {
  const assets = readAssets();
  const routes = new Hono();
  routes.get("/:path{.+}", (c) => {
    const asset = assets.get(c.req.param("path"));
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

function readAssets(): Map<string, Asset> {
  const own = globSync(["*.{css,svg}", "client/*.ts"], { cwd: ROOM }).map((path) => ({
    path,
    file: join(ROOM, path),
  }));
  return new Map([...own, ...LIBRARIES].map(({ path, file }) => [path, readAsset(file)]));
}

function readAsset(file: string): Asset {
  const source = readFileSync(file, "utf8");
  const extension = extname(file);
  const body = extension === ".ts" ? withoutTypes(source) : source;
  const digest = createHash("sha256").update(body).digest("base64url").slice(0, 22);
  return { body, type: TYPES[extension] ?? "application/octet-stream", etag: `"${digest}"` };
}

/** A module as browsers understand it: they know no packages by name. */
function withoutTypes(source: string): string {
  return stripTypeScriptTypes(source).replaceAll(
    /( from |\bimport\()"([^".][^"]*)"/g,
    (whole, before: string, name: string) => {
      const found = LIBRARIES.find((one) => one.name === name);
      return found ? `${before}"${assetUrl(found.path)}"` : whole;
    },
  );
}
