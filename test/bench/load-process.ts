/**
 * The main file of the load generator: a process of its own, so that it shares no event loop with anything that
 * it measures. It takes one job at a time from its parent.
 */
import { Connection } from "./connection.ts";
import { type EventPlan, type EventRequest, EventSource } from "./event-source.ts";

/** Send for `seconds`, or until `events` have been sent. */
export interface LoadJob {
  plan: EventPlan;
  connections: number;
  /** How many fresh runs to sign beforehand. */
  freshRuns: number;
  seconds: number | null;
  events: number | null;
}

export interface LoadResult {
  /** Answers with a 2xx status, and others. */
  accepted: number;
  refused: number;
  /** The status of one of the others. */
  refusal: number | null;
  seconds: number;
  perSecond: number;
  p50: number;
  p99: number;
}

async function load(job: LoadJob): Promise<LoadResult> {
  const source = new EventSource(job.plan, job.freshRuns);
  const lines = await Promise.all(
    Array.from({ length: job.connections }, () => Connection.open(job.plan.host, job.plan.port)),
  );
  const requests = lines.map(() => source.request());
  const latencies: number[] = [];
  let sent = 0;
  let inTime = 0;
  let refused = 0;
  let refusal: number | null = null;

  const began = performance.now();
  const until = job.seconds === null ? Number.POSITIVE_INFINITY : began + job.seconds * 1000;
  const most = job.events ?? Number.POSITIVE_INFINITY;
  const sendAll = async (line: Connection, request: EventRequest) => {
    while (performance.now() < until && sent < most) {
      sent++;
      request.advance();
      const at = performance.now();
      const status = await line.send(request.bytes);
      const now = performance.now();
      if (status < 200 || status > 299) {
        refused++;
        refusal = status;
        continue;
      }
      latencies.push(now - at);
      if (now <= until) inTime++;
    }
  };
  await Promise.all(lines.map((line, index) => sendAll(line, requests[index] as EventRequest)));
  const seconds = job.seconds ?? (performance.now() - began) / 1000;
  for (const line of lines) line.close();
  latencies.sort((a, b) => a - b);
  return {
    accepted: latencies.length,
    refused,
    refusal,
    seconds,
    perSecond: inTime / seconds,
    p50: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
  };
}

process.on("message", (job: LoadJob) => {
  load(job).then(
    (result) => process.send?.(result),
    (error: Error) => {
      console.error(`load generator: ${error.message}`);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit(0));
