import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";

/** A test that failed, and in which rounds. */
export interface Failure {
  /** The file and the full name of the test. */
  test: string;
  seeds: number[];
}

/** One run of the tests. */
export interface Round {
  seed: number;
  passed: number;
  /** Names of tests that failed, and files that could not be loaded. */
  failed: string[];
  seconds: number;
  /** What Vitest printed. */
  log: string;
}

interface JsonReport {
  numPassedTests: number;
  testResults: {
    name: string;
    status: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
}

/** Starts processes that keep cores busy. They end with `stop`, or with this process. */
export function startLoops(count: number): { stop: () => void } {
  const file = join(import.meta.dirname, "endless-loop.ts");
  const loops = Array.from({ length: count }, (): ChildProcess => fork(file, { stdio: "ignore" }));
  return {
    stop: () => {
      for (const loop of loops) loop.kill("SIGKILL");
    },
  };
}

/**
 * Runs the tests once, with Vitest's arguments `args`. The seed decides the order of the files and is
 * TEST_SEED for tests that draw something at random. What is printed goes to a file in `folder`.
 */
export async function runRound(seed: number, args: readonly string[], folder: string): Promise<Round> {
  const report = join(folder, `${seed}.json`);
  const log = join(folder, `${seed}.log`);
  const output = createWriteStream(log);
  const begun = performance.now();
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs"),
      "run",
      ...args,
      "--sequence.shuffle.files",
      `--sequence.seed=${seed}`,
      "--reporter=./test/helpers/progress-reporter.ts",
      "--reporter=json",
      `--outputFile=${report}`,
    ],
    { env: { ...process.env, TEST_SEED: String(seed) }, stdio: ["ignore", "pipe", "pipe"] },
  );
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  const [code] = (await once(child, "close")) as [number | null];
  output.end();
  const result = readReport(report);
  const failed = result?.testResults.flatMap(failuresOf) ?? [];
  // A run that fails without a test that does, such as by an error outside of all tests.
  if (code !== 0 && failed.length === 0) failed.push(`the run ended with ${code}`);
  const seconds = (performance.now() - begun) / 1_000;
  return { seed, passed: result?.numPassedTests ?? 0, failed, seconds, log };
}

/** Which tests failed with which seeds, the most frequent first. */
export function failuresByTest(rounds: readonly Round[]): Failure[] {
  const seeds = new Map<string, number[]>();
  for (const { seed, failed } of rounds)
    for (const test of failed) seeds.set(test, [...(seeds.get(test) ?? []), seed]);
  return [...seeds].map(([test, seeds]) => ({ test, seeds })).sort((a, b) => b.seeds.length - a.seeds.length);
}

function readReport(file: string): JsonReport | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as JsonReport;
  } catch {
    return undefined;
  }
}

function failuresOf({ name, status, assertionResults }: JsonReport["testResults"][number]): string[] {
  const file = name.slice(name.indexOf("/test/") + 1);
  const tests = assertionResults.filter((test) => test.status === "failed");
  if (tests.length === 0 && status === "failed") return [`${file} could not be run`];
  return tests.map(({ fullName }) => `${file}: ${fullName}`);
}
