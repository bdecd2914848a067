/** Writes the pages that mirror the code, and the picture of the demo: `npm run docs`. */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { COMMAND_LINE_PAGE, commandLinePage } from "./command-line-page.ts";
import { TIMELINE_PICTURE, timelinePicture } from "./timeline-picture.ts";

const ROOT = resolve(import.meta.dirname, "../..");

writeFileSync(resolve(ROOT, COMMAND_LINE_PAGE), await commandLinePage());
writeFileSync(
  resolve(ROOT, TIMELINE_PICTURE),
  timelinePicture(readFileSync(resolve(ROOT, "README.md"), "utf8")),
);
