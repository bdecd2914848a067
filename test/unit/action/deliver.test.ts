import { expect, test } from "vitest";
import { Breakers, FAILURE_THRESHOLD } from "../../../action/ask/breakers.ts";
import type { Client } from "../../../action/ask/client.ts";
import { deliver } from "../../../action/ask/deliver.ts";
import { EndpointAvailability } from "../../../action/ask/endpoint-availability.ts";
import { Journal } from "../../../action/ask/journal.ts";
import type { Judgement } from "../../../action/ask/judge.ts";
import type { Endpoint } from "../../../action/input/endpoints.ts";
import { endpointsNamed, refusal } from "../../helpers/action/step-report.ts";

const endpoints = endpointsNamed(2) as [Endpoint, Endpoint];

/** Delivers to endpoints that answer by this function, with pauses of nothing. */
function deliverTo(
  answer: (endpoint: Endpoint) => Judgement,
  more: Partial<Parameters<typeof deliver>[0]> = {},
) {
  const asked: string[] = [];
  const client: Client = {
    request: async (endpoint) => {
      asked.push(endpoint.name);
      return answer(endpoint);
    },
    read: () => Promise.reject(new Error("nothing is read here")),
  };
  const journal = new Journal(Date.now, () => {});
  const delivery = deliver({
    ...{ client, endpoints, journal, now: Date.now, random: () => 0 },
    availability: new EndpointAvailability(new Breakers(more.now ?? Date.now), more.now ?? Date.now),
    ...{ maxAttempts: 8, baseDelayMs: 10, maxDelayMs: 100, another: true },
    deadline: Date.now() + 60_000,
    signal: new AbortController().signal,
    ...more,
  });
  return { delivery, asked };
}

test("a route whose breaker is open is passed over, and another way is taken rather than to wait for it", async () => {
  const { delivery, asked } = deliverTo(() => refusal());
  expect(await delivery).toEqual({ kind: "exhausted", because: "too long to wait" });
  expect(asked).toHaveLength(2 * FAILURE_THRESHOLD);
});

test("no endpoint is asked once the time for them is up, also within a round", async () => {
  let at = 0;
  const slow = () => {
    at += 2_000;
    return refusal();
  };
  const { delivery, asked } = deliverTo(slow, { now: () => at, deadline: 5_000 });
  expect(await delivery).toEqual({ kind: "exhausted", because: "too long to wait" });
  expect(asked).toEqual(["primary", "backup", "primary"]);
});

test("rather than to wait longer than max-delay for an endpoint, another way is taken", async () => {
  const busy = (retryAfterMs: number) => () => refusal({ retryAfterMs });
  const { delivery, asked } = deliverTo(busy(10_000), { maxAttempts: 2 });
  expect(await delivery).toEqual({ kind: "exhausted", because: "too long to wait" });
  expect(asked).toEqual(["primary", "backup"]);
  const last = deliverTo(busy(101), { maxAttempts: 2, another: false });
  expect(await last.delivery).toEqual({ kind: "exhausted", because: "rounds" });
  expect(last.asked).toHaveLength(4);
});
