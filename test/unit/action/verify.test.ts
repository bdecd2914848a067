import { expect, test } from "vitest";
import { Breakers } from "../../../action/ask/breakers.ts";
import { githubEndpoint } from "../../../action/ask/github-client.ts";
import type { Judgement } from "../../../action/ask/judge.ts";
import { verify } from "../../../action/ask/verify.ts";
import type { Endpoint } from "../../../action/input/endpoints.ts";
import { endpointsNamed, journalOf, knownDeployment, refusal } from "../../helpers/action/step-report.ts";

const [primary, backup] = endpointsNamed(2) as [Endpoint, Endpoint];
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
    ...{ endpoints: [primary], breakers: new Breakers(() => at), journal, acceptance: journal.acceptance },
    ...{ waitFor: "started", baseDelayMs: 10, maxDelayMs: 10, deadline: 1_000_000 },
    now: () => at,
    signal: new AbortController().signal,
    onWaiting: (waitedMs) => lines.push(waitedMs),
  });
  expect(verification.kind).toBe("confirmed");
  expect(lines).toEqual([12_000, 24_000]);
});

/** Reads back from a primary that accepted, and from the other route, as each answers by its list; the last stays. */
async function readBack(other: Endpoint, answers: { primary: Judgement[]; other: Judgement[] }) {
  const journal = await journalOf([[primary, told("queued")]]);
  if (!journal.acceptance) throw new Error("nothing was accepted");
  const asked: { name: string; at: number }[] = [];
  const { kind } = await verify({
    client: {
      request: () => Promise.reject(new Error("nothing is asked for here")),
      read: async ({ name }) => {
        asked.push({ name, at: Date.now() });
        const left = name === "primary" ? answers.primary : answers.other;
        return (left.length > 1 ? left.shift() : left[0]) as Judgement;
      },
    },
    ...{
      endpoints: [primary, other],
      breakers: new Breakers(Date.now),
      journal,
      acceptance: journal.acceptance,
    },
    ...{ waitFor: "started", baseDelayMs: 10, maxDelayMs: 10, deadline: Date.now() + 60_000 },
    now: Date.now,
    // A pause that is far too long ends the test.
    signal: AbortSignal.timeout(5_000),
  });
  return { kind, asked, names: asked.map(({ name }) => name) };
}

test.each([
  ["GitHub", githubEndpoint("https://api.github.com")],
  ["a backup", backup],
])(
  "while %s asks to be left alone for long, the accepting endpoint is asked again soon",
  async (_, other) => {
    const { kind, names } = await readBack(other, {
      primary: [refusal(), refusal(), refusal(), told("running")],
      other: [refusal({ retryAfterMs: 2_400_000 })],
    });
    expect(kind).toBe("confirmed");
    expect(names).toEqual(["primary", other.name, "primary", "primary", "primary"]);
  },
);

test("when all ask to be left alone, the first whose time is over is asked, and no earlier", async () => {
  const { kind, asked, names } = await readBack(backup, {
    primary: [refusal({ retryAfterMs: 2_400_000 })],
    other: [refusal({ retryAfterMs: 200 }), told("running")],
  });
  expect(kind).toBe("confirmed");
  expect(names).toEqual(["primary", "backup", "backup"]);
  expect((asked[2]?.at ?? 0) - (asked[1]?.at ?? 0)).toBeGreaterThanOrEqual(200);
});
