/**
 * Throws in a test whose file does not say that it starts processes: it would run beside as many others as there
 * are cores, all of which count on these.
 */
export function mayStartProcesses(): void {
  if (process.env.VITEST && process.env.TEST_MAY_START_PROCESSES === undefined)
    throw new Error(
      "this test starts a process: move its file to test/e2e, or call it NAME.processes.test.ts, so that it runs among its like",
    );
}
