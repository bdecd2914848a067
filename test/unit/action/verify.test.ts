import { expect, test } from "vitest";
import { Breakers } from "../../../action/breakers.ts";
import type { Endpoint } from "../../../action/endpoints.ts";
import type { Judgement } from "../../../action/judge.ts";
import { verify } from "../../../action/verify.ts";
import { endpointsNamed, journalOf, knownDeployment } from "../../helpers/action/step-report.ts";

const [primary] = endpointsNamed(1) as [Endpoint];
const told = (status: "queued" | "running"): Judgement => ({
  kind: "deployment",
  status: 200,
  deployment: knownDeployment({ status }),
});

test("while nothing changes, every ten seconds a line says so", async () => {
  const journal = await journalOf([[primary, told("queued")]]);
  if (!journal.acceptance) throw new Error("nothing was accepted");
  let at = 0;
  const lines: number[] = [];
  const polls = [...Array.from({ length: 7 }, () => told("queued")), told("running")];
  const verification = await verify({
    client: {
      request: () => Promise.reject(new Error("nothing is asked for here")),
      read: async () => {
        at += 4_000;
        return polls.shift() ?? told("running");
      },
    },
    ...{ endpoints: [primary], breakers: new Breakers(), journal, acceptance: journal.acceptance },
    ...{ waitFor: "started", baseDelayMs: 10, maxDelayMs: 10, deadline: 1_000_000 },
    now: () => at,
    signal: new AbortController().signal,
    onWaiting: (waitedMs) => lines.push(waitedMs),
  });
  expect(verification.kind).toBe("confirmed");
  expect(lines).toEqual([12_000, 24_000]);
});
