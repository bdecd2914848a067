import { AsyncLocalStorage } from "node:async_hooks";
import { onTestFinished, type TestContext } from "vitest";

/** The test that runs here, which `setup.ts` notes. */
export const runningTest = new AsyncLocalStorage<TestContext>();

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
