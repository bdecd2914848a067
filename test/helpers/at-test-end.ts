import { AsyncLocalStorage } from "node:async_hooks";
import { aroundEach, onTestFinished, type TestContext } from "vitest";

const running = new AsyncLocalStorage<TestContext>();

aroundEach((runTest, context) => running.run(context, runTest));

/**
 * Has this done when the test that asks for it has ended. Unlike Vitest's own `onTestFinished` it knows which test
 * that is also where several run at the same time.
 */
export function atTestEnd(act: () => unknown): void {
  const register = running.getStore()?.onTestFinished ?? onTestFinished;
  register(async () => {
    await act();
  });
}
