/**
 * Finds the bundle of the present sources. It is plain JavaScript, so that a start from the bundle needs no compiler:
 * Node's own, which strips types, takes 0.1 s of processor time and 13 MiB in every process (Node 24).
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Whether this very module was loaded from a bundle. */
export const IN_BUNDLE = !import.meta.url.endsWith("/bundle/sources.js");
/** The `app` folder: two folders above a bundle's files, one above this file. */
const APP = new URL(IN_BUNDLE ? "../../" : "../", import.meta.url);
/** Each bundle has a folder in here, named after a hash of its sources. */
export const BUNDLES = appFile("dist/");

/**
 * The URL of a file in `app/`, whether or not this process was loaded from a bundle.
 * @param {string} path
 */
export function appFile(path) {
  return new URL(path, APP);
}

/**
 * The folder for a bundle of the current sources, whether it exists or not. It depends on paths, sizes and
 * times of change. Reading hundreds of files would cost much of the time that the bundle saves.
 */
export function bundleOfSources() {
  /** @type {string[]} */
  const notes = [];
  const root = appFile("../").pathname;
  // Relative paths, so that the whole folder may be moved.
  const note = (/** @type {string} */ path) => {
    const { size, mtimeMs } = statSync(join(root, path));
    notes.push(`${path} ${size} ${mtimeMs}\n`);
  };
  // Folder by folder: the bundles hold more files than the sources, and Node's own walk takes thrice the time.
  const walk = (/** @type {string} */ folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isFile() && /\.[jt]s$/.test(path)) note(path);
      else if (entry.isDirectory() && path !== "app/dist") walk(path);
    }
  };
  walk("app");
  walk("shared");
  for (const file of ["package.json", "package-lock.json"]) if (existsSync(join(root, file))) note(file);
  const hash = createHash("sha256").update(notes.join("")).digest("hex");
  return new URL(`${hash.slice(0, 16)}/`, BUNDLES);
}
