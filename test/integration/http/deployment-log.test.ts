import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { expect, test, vi } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { streamLog } from "../../../app/http/deployment-log.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { newStoreAddress, reopen } from "../../helpers/stores.ts";

test("a log that is followed shows what came between its last read and the end of the deployment", async () => {
  const address = await newStoreAddress("sqlite");
  if (address.engine !== "sqlite") throw new Error("unreachable");
  const store = await reopen(address);
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  const { deployments } = await acceptor.accept(runArrival(1, [testTarget()]));
  const id = deployments[0]?.id as string;
  const runner = new DatabaseSync(address.path);
  atTestEnd(() => runner.close());
  // Nothing is on record yet, so the log waits for a change; the runner ends just then.
  vi.spyOn(store, "onChange").mockImplementationOnce(() => {
    runner
      .prepare(
        "INSERT INTO log_chunks (deployment_id, attempt, seq, at, text) VALUES (?, 1, 0, 0, 'the end\n')",
      )
      .run(id);
    runner.prepare("UPDATE deployments SET status = 'succeeded' WHERE id = ?").run(id);
    return () => {};
  });
  expect(await text(streamLog(store, id, { follow: true, timestamps: false }))).toBe("the end\n");
});
