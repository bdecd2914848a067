import type { Reporter, TestModule } from "vitest/node";

/** Closes a run with one line, `N passed, N failed`, that scripts can read. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    // A module that could not be loaded holds no test, and must not read as a success.
    const broken = modules.filter((module) => module.errors().length > 0).length + errors.length;
    const failed = count("failed") + broken;
    // The embedded PostgreSQL's exit hook ends the process with 0, whatever code it was about to end with.
    if (failed > 0)
      process.on("exit", () => {
        process.exitCode = 1;
      });
    console.log(`${count("passed")} passed, ${failed} failed`);
  }
}
