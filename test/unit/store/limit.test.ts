import { MessageChannel } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { withLimit } from "../../../app/store/limit.ts";

/** Keeps the event loop busy. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test("an answer in time counts, even where a busy process reads it after the limit", async () => {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  const answer = new Promise((resolve) => port1.once("message", resolve));
  const judged = withLimit(answer, 10, "locked");
  port2.postMessage("committed");
  block(30);
  expect(await judged).toBe("committed");
});

test("no answer within the limit is an error that says so", async () => {
  await expect(withLimit(new Promise(() => {}), 1, "locked")).rejects.toThrow("no commit within 1 ms");
});
