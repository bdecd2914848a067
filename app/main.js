/** What `npm start` and `twinhook` run: main.ts, from the bundle where there is one of these sources. */
import { existsSync } from "node:fs";
import { bundleOfSources } from "./bundle/sources.js";

const bundled = new URL("main.js", bundleOfSources());
await import(existsSync(bundled) ? bundled.href : "./main.ts");
