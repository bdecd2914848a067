import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { untilFrozen } from "../../../app/supervisor/liveness.ts";

const SILENT_BEFORE_STOPPED = 5;

it("an instance that leaves checks unanswered counts as frozen once it is stopped, not while it only has no time", async () => {
  let asked = 0;
  const server = createServer((_request, response) => {
    if (++asked === 1) response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  let ups = 0;
  const reason = await untilFrozen(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    clock: systemClock,
    signal: AbortSignal.timeout(60_000),
    isStopped: () => asked > SILENT_BEFORE_STOPPED,
    onUp: () => ups++,
  });
  expect(reason).toBe(`it did not answer ${SILENT_BEFORE_STOPPED} checks in a row`);
  expect(ups).toBe(1);
}, 60_000);
