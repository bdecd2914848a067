import type { Logger } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { DeadMansSwitch } from "../../../app/alerts/dead-mans-switch.ts";
import { HttpReceiver } from "../../helpers/alerts/http-receiver.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";

test.each([404, 503])("a dead man's switch that is answered %i is called again soon", async (status) => {
  const service = await HttpReceiver.start();
  service.answer = { status };
  const clock = new ManualClock();
  const failed = Promise.withResolvers<string>();
  const caller = new DeadMansSwitch({
    ...{ url: service.url("/ping"), clock, intervalMs: 3_600_000, canRun: () => true },
    log: { warn: failed.resolve } as unknown as Logger,
  });
  onTestFinished(() => caller.close());
  caller.start();
  expect(await failed.promise).toContain(`it answered ${status}`);
  clock.ms += 5_000;
  await service.posts.first(() => service.posts.all.length > 1);
  expect(service.posts.all).toHaveLength(2);
});
