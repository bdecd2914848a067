/** The models from the command line: `npm run model`. */
import { parseArgs } from "node:util";
import { tell } from "./explorer.ts";
import { CASES, exploreCase, findPlanted } from "./models.ts";

const USAGE = `Usage: npm run model -- [options]

Drives the lease, the switch of the webhook's URL, claims, hold and order through all interleavings of their actors, up
to a number of states, and looks for a broken rule. Then plants wrong rules, which must be found.

  --short    as far as npm test goes: some seconds
  --verbose  print the history by which each planted rule was found`;

const { values } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}

console.log("| model | states | transitions | steps | all of them | planted rules found |");
console.log("| ----- | -----: | ----------: | ----: | ----------- | ------------------: |");
for (const one of CASES) {
  const explored = await exploreCase(one, values.short ? "short" : "long");
  const found = [];
  for (const planted of one.planted) {
    const explored = await findPlanted(planted);
    if (explored.counterexample) found.push(planted.fault);
    if (values.verbose || !explored.counterexample) console.error(`${planted.fault}: ${tell(explored)}`);
  }
  const { states, transitions, steps, complete, counterexample } = explored;
  const cells = [one.title, states, transitions, steps, complete ? "yes" : "up to the bound"];
  console.log(`| ${cells.join(" | ")} | ${found.length} of ${one.planted.length} |`);
  if (counterexample) console.error(tell(explored));
  if (counterexample || found.length < one.planted.length) process.exitCode = 1;
}
