import { relative } from "node:path";
import { DefaultReporter, type TestCase, type TestModule, type TestSpecification } from "vitest/node";

const SLOWEST = 10;
/** How many lines of a failure are shown at once; the rest comes at the end. */
const REASON_LINES = 12;

/**
 * Prints a line per test file (how many of how many, how long it took, which files run now) and why its tests
 * failed; then the failures in full with the command that runs each of them again, the slowest files, and a last
 * line `N passed, N failed`.
 */
export default class ProgressReporter extends DefaultReporter {
  #files = 0;
  #ended = 0;
  /** When each file that runs now began (ms). */
  #running = new Map<TestModule, number>();
  #took: { file: string; ms: number }[] = [];

  constructor() {
    super({ summary: false });
  }

  override onTestRunStart(specifications: readonly TestSpecification[]): void {
    super.onTestRunStart(specifications);
    this.#files = specifications.length;
  }

  onTestModuleStart(module: TestModule): void {
    this.#running.set(module, performance.now());
  }

  override printTestModule(module: TestModule): void {
    const ms = performance.now() - (this.#running.get(module) ?? performance.now());
    this.#running.delete(module);
    this.#ended += 1;
    const file = nameOf(module);
    this.#took.push({ file, ms });
    const tests = [...module.children.allTests()];
    const failed = tests.filter(isFailed);
    const mark = module.state() === "failed" ? "✗" : "✓";
    const place = `[${String(this.#ended).padStart(String(this.#files).length)}/${this.#files}]`;
    const count = failed.length > 0 ? `${failed.length} of ${tests.length} failed` : `${tests.length} tests`;
    const now = [...this.#running.keys()].map((running) => nameOf(running).replace(/^test\//, ""));
    const next = now.length > 0 ? `   now: ${now.join(", ")}` : "";
    this.log(`${place} ${mark} ${file} (${count}, ${seconds(ms)})${next}`);
    for (const test of failed) {
      this.log(`      ✗ ${test.fullName}`);
      for (const line of reasonsOf(test)) this.log(`        ${line}`);
    }
  }

  override onTestRunEnd(
    modules: readonly TestModule[],
    errors: Parameters<DefaultReporter["onTestRunEnd"]>[1],
    reason: Parameters<DefaultReporter["onTestRunEnd"]>[2],
  ): void {
    super.onTestRunEnd(modules, errors, reason);
    this.log("The slowest files:");
    for (const { file, ms } of this.#took.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST))
      this.log(`  ${seconds(ms).padStart(8)}  ${file}`);
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    // A module that could not be loaded holds no test, and must not read as a success.
    const broken = modules.filter((module) => module.errors().length > 0);
    const failed = tests.filter(isFailed);
    if (failed.length + broken.length > 0) this.log("\nTo run again what failed:");
    for (const test of failed) this.log(`  ${commandFor(test)}`);
    for (const module of broken) this.log(`  npx vitest run ${nameOf(module)}`);
    const failures = failed.length + broken.length + errors.length;
    // The embedded PostgreSQL's exit hook ends the process with 0, whatever code it was about to end with.
    if (failures > 0)
      process.on("exit", () => {
        process.exitCode = 1;
      });
    const passed = tests.filter((test) => test.result().state === "passed").length;
    this.log(`\n${passed} passed, ${failures} failed`);
  }
}

function isFailed(test: TestCase): boolean {
  return test.result().state === "failed";
}

function reasonsOf(test: TestCase): string[] {
  const errors = test.result().errors ?? [];
  return errors.flatMap(({ message }) => message.split("\n").slice(0, REASON_LINES));
}

function nameOf(module: TestModule): string {
  return relative(process.cwd(), module.moduleId);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** The command that runs this test alone. Vitest takes the name for a regular expression. */
function commandFor(test: TestCase): string {
  const pattern = test.fullName.replaceAll(" > ", " ").replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return `npx vitest run ${nameOf(test.module)} -t '${pattern.replaceAll("'", "'\\''")}'`;
}
