/**
 * The main file of the process that measures trigger times: it sends an event, and reads the named pipe into
 * which the command writes as its first act. Both times are taken by this process's clock.
 */
import { constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { Connection } from "./connection.ts";
import { type EventPlan, EventSource } from "./event-source.ts";

/** One event to send to the entrance of the plan, whose command writes into `pipe`. */
export interface TriggerJob {
  plan: EventPlan;
  pipe: string;
}

export interface TriggerResult {
  status: number;
  /** From sending the event until it was answered, and until the command's first act. */
  answeredMs: number;
  triggeredMs: number;
}

const LIMIT_MS = 10_000;
let began: (() => void) | undefined;
let listening = false;

function listen(pipe: string): void {
  if (listening) return;
  listening = true;
  // Open for writing as well, so that it never ends when a command lets go of it.
  const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  new Socket({ fd, readable: true, writable: false }).on("data", () => began?.());
}

async function trigger({ plan, pipe }: TriggerJob): Promise<TriggerResult> {
  listen(pipe);
  const connection = await Connection.open(plan.host, plan.port);
  const request = new EventSource(plan, 1).request();
  request.advance();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const limit = setTimeout(() => reject(new Error(`no command within ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  const at = performance.now();
  began = () => resolve(performance.now() - at);
  const answered = connection
    .send(request.bytes)
    .then((status) => ({ status, answeredMs: performance.now() - at }));
  const [triggeredMs, answer] = await Promise.all([promise, answered]);
  clearTimeout(limit);
  connection.close();
  return { ...answer, triggeredMs };
}

process.on("message", (job: TriggerJob) => {
  trigger(job).then(
    (result) => process.send?.(result),
    (error: Error) => {
      console.error(`trigger time: ${error.message}`);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit(0));
