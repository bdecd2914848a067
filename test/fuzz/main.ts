/** Random inputs for every entrance, from the command line: `npm run fuzz`. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { wholeNumber } from "../helpers/whole-number.ts";
import { fuzzAll } from "./all.ts";

const USAGE = `Usage: npm run fuzz -- [options]

Sends random inputs to every entrance: requests, events, signatures, tokens, cookies, forms, frames of peer links,
twinhook.yml, .env and the output of commands. Each has a grammar of its own. Nothing may crash or be let in, no answer
and no log line may show a secret, and a refusal says what to do.

  --inputs N   how many inputs in all (default: 1000000)
  --seed N     where they are drawn from (default: drawn, and printed)`;

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "1000000" },
    seed: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const seed = values.seed === undefined ? randomInt(2 ** 31) : wholeNumber("seed", values.seed, 0);
console.log(`seed ${seed}`);
const { answers, broken } = await fuzzAll(wholeNumber("inputs", values.inputs, 1), seed, (entrance, inputs) =>
  console.log(`${entrance}: ${inputs} inputs`),
);
console.log(`answers: ${answers.map(([status, count]) => `${status || "none"} × ${count}`).join(", ")}`);
for (const { entrance, promise, input } of broken) console.error(`${entrance}: ${promise}\n  ${input}`);
process.exit(broken.length > 0 ? 1 : 0);
