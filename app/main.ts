/** The App's main file, see `command-line.ts`. It loads the bundle where there is one of these sources. */
import { newEntryPoint } from "./bundle/entry-points.ts";

// Errors name the lines of the sources all the same.
process.setSourceMapsEnabled(true);
await import(newEntryPoint("command-line").href);
