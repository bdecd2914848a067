/** The App's main file, see `command-line.ts`. It loads the bundle where there is one of these sources. */
import { newEntryPoint } from "./bundle/entry-points.ts";
import { mapStackTraces } from "./bundle/source-maps.ts";

mapStackTraces();
await import(newEntryPoint("command-line").href);
