/** The tests again and again on a busy machine: `npm run test:stress`. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { wholeNumber } from "../helpers/whole-number.ts";
import { failuresByTest, type Round, runRound, startLoops } from "./rounds.ts";

const USAGE = `Usage: npm run test:stress -- [options] [files]

Runs the tests, or those in the files named, several times beside endless loops, and then lists what failed, by test
and seed. A seed decides the order of the files and what tests draw at random.

  --times N      how many rounds (default: 5)
  --loops N      how many endless loops run beside them (default: 4)
  --seed N       the seed of the first round; the next ones count up from it (default: drawn, and printed)
  --test NAME    only tests whose name matches this regular expression
  --until-failure  stop after the first round in which a test fails`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      times: { type: "string", default: "5" },
      loops: { type: "string", default: "4" },
      seed: { type: "string" },
      test: { type: "string" },
      "until-failure": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const times = wholeNumber("times", values.times, 1);
  const first =
    values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber("seed", values.seed, 0);
  const args = [...positionals, ...(values.test === undefined ? [] : ["-t", values.test])];
  const folder = mkdtempSync(join(tmpdir(), "twinhook-stress-"));
  const loops = startLoops(wholeNumber("loops", values.loops, 0));
  const rounds: Round[] = [];
  try {
    while (rounds.length < times) {
      const round = await runRound(first + rounds.length, args, folder);
      rounds.push(round);
      const result = round.failed.length === 0 ? "all passed" : `${round.failed.length} failed`;
      console.log(
        `round ${rounds.length} of ${times}, seed ${round.seed}: ${result}, ${round.passed} passed, ` +
          `${round.seconds.toFixed(0)} s (${round.log})`,
      );
      for (const test of round.failed) console.log(`    ${test}`);
      if (values["until-failure"] && round.failed.length > 0) break;
    }
  } finally {
    loops.stop();
  }
  const failures = failuresByTest(rounds);
  console.log(
    failures.length === 0
      ? `\n${rounds.length} rounds, nothing failed`
      : `\nWhat failed in ${rounds.length} rounds:`,
  );
  for (const { test, seeds } of failures)
    console.log(`  ${seeds.length} times  ${test}\n           seeds ${seeds.join(", ")}`);
  return failures.length === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error && error.message.startsWith("--") ? error.message : error);
    process.exit(2);
  },
);
