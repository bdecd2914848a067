/** Writes the pages that mirror the code: `npm run docs`. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { COMMAND_LINE_PAGE, commandLinePage } from "./command-line-page.ts";

writeFileSync(resolve(import.meta.dirname, "../..", COMMAND_LINE_PAGE), await commandLinePage());
