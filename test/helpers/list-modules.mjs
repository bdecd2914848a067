/** Prints the addresses of all modules that importing the ones named by the arguments loads, a line each. */
import { registerHooks } from "node:module";

const loaded = new Set();
registerHooks({
  load(url, context, next) {
    loaded.add(url);
    return next(url, context);
  },
});
for (const url of process.argv.slice(2)) await import(url);
process.stdout.write([...loaded].join("\n"));
process.exit(0);
