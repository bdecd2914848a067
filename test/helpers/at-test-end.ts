import { AsyncLocalStorage } from "node:async_hooks";
import { afterAll, afterEach, beforeAll, onTestFinished, type TestContext } from "vitest";

/** The test that runs here, which `setup.ts` notes, or the setup of several. */
export const runningTest = new AsyncLocalStorage<Pick<TestContext, "onTestFailed" | "onTestFinished">>();

/** Has this done if the test that asks for it fails. */
export function atTestFailure(act: () => void): void {
  runningTest.getStore()?.onTestFailed(act);
}

/**
 * Has this done when the test that asks for it has ended. Unlike Vitest's own `onTestFinished` it knows which test
 * that is also where several run at the same time.
 */
export function atTestEnd(act: () => unknown): void {
  const register = runningTest.getStore()?.onTestFinished ?? onTestFinished;
  register(async () => {
    await act();
  });
}

/**
 * Does `setup` once, for all tests of the suite that asks for it: they share what is costly to start. What `setup`
 * asks to have done at a test's end is done at the suite's, last first.
 */
export function setUpOnce(setup: () => Promise<void>): void {
  const atEnd: (() => unknown)[] = [];
  const atFailure: (() => unknown)[] = [];
  const suite = {
    onTestFinished: (act: () => unknown) => void atEnd.push(act),
    onTestFailed: (act: () => unknown) => void atFailure.push(act),
  };
  beforeAll(() => runningTest.run(suite as unknown as TestContext, setup));
  afterEach(({ task }) => {
    if (task.result?.state === "fail") for (const act of atFailure) act();
  });
  afterAll(async () => {
    for (const act of atEnd.reverse()) await act();
  });
}
