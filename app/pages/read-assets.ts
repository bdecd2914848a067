/**
 * The main module of a thread that reads the assets and ends. Removing types needs a compiler of 30 MiB,
 * which blocks its thread while it loads.
 */
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { findPackageJSON, stripTypeScriptTypes } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { appFile } from "../bundle/entry-points.ts";
import type { Asset } from "./assets.ts";

const ROOM = fileURLToPath(appFile("pages"));
/** The path below which all assets are served. */
const servedBelow = workerData as string;

const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".ts": "text/javascript; charset=utf-8",
};

/** Libraries for browsers: the name in imports, the path at which they are served, and the file. */
const LIBRARIES = [
  library("idiomorph", "idiomorph", "dist/idiomorph.esm.js"),
  library("uplot", "uplot", "dist/uPlot.esm.js"),
  library(null, "uplot", "dist/uPlot.min.css"),
];

function library(name: string | null, inPackage: string, file: string) {
  const folder = dirname(findPackageJSON(inPackage, import.meta.url) as string);
  return { name, path: `vendor/${inPackage}/${file}`, file: join(folder, file) };
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

/** The module as browsers understand it: without types, and with URLs instead of package names. */
function withoutTypes(source: string): string {
  return stripTypeScriptTypes(source).replaceAll(
    /( from |\bimport\()"([^".][^"]*)"/g,
    (whole, before: string, name: string) => {
      const found = LIBRARIES.find((one) => one.name === name);
      return found ? `${before}"${servedBelow}/${found.path}"` : whole;
    },
  );
}

parentPort?.postMessage(readAssets());
