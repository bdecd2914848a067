import { afterAll } from "vitest";

/**
 * For a file of tests that run at the same time, and so cannot say which of them has finished: a function that
 * has closed at the end of the file what it was given, and returns it.
 */
export function closeAtEnd(): <T extends { close(): unknown }>(started: T) => T {
  const running: { close(): unknown }[] = [];
  afterAll(() => Promise.all(running.splice(0).map((one) => one.close())));
  return (started) => {
    running.push(started);
    return started;
  };
}
