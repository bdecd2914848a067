import { expect, test } from "vitest";
import { githubEndpoint } from "../../../action/ask/github-client.ts";
import { verdictSentence } from "../../../action/report/verdict-sentence.ts";
import {
  endpointsNamed,
  journalOf,
  knownDeployment,
  refusal,
  stepReport,
} from "../../helpers/action/step-report.ts";

const REFUSED_PROOF = refusal({ kind: "permanent", status: 401, byTheApp: true });
const LEFT = {
  ...{ kind: "deployment" as const, status: 201 },
  deployment: knownDeployment({ onRecord: false, status: "queued" }),
};
const UNCONFIRMED = { kind: "unconfirmed" as const, because: "time up" as const };

test("a proof that every instance refused is the headline when nobody found what was left at GitHub", async () => {
  const [primary, backup] = endpointsNamed(2);
  if (!primary || !backup) throw new Error("no endpoints");
  const github = githubEndpoint("https://api.github.com");
  const journal = await journalOf([
    [primary, REFUSED_PROOF],
    [backup, REFUSED_PROOF],
    [github, LEFT],
  ]);
  expect(verdictSentence(stepReport({ verdict: UNCONFIRMED, success: false, journal }))).toBe(
    "The deployment of production is not confirmed: every endpoint refused the proof of identity (401), and what was left at GitHub was not found there within 20 min.",
  );
});

test("a proof that one instance refused is not the headline", async () => {
  const [primary, backup] = endpointsNamed(2);
  if (!primary || !backup) throw new Error("no endpoints");
  const github = githubEndpoint("https://api.github.com");
  const journal = await journalOf([
    [primary, REFUSED_PROOF],
    [backup, refusal()],
    [github, LEFT],
  ]);
  expect(verdictSentence(stepReport({ verdict: UNCONFIRMED, success: false, journal }))).toMatch(
    /was not seen to be started/,
  );
});

test("a command that succeeded is not blamed where the site did not show the deployment", () => {
  const verify = { url: "https://example.com/version", status: "failed" as const, answer: "503" };
  const deployment = knownDeployment({ status: "failed", exit_code: 0, verify });
  expect(verdictSentence(stepReport({ verdict: { kind: "failed", deployment }, success: false }))).toMatch(
    /and run, and its command succeeded, but its site did not show it\.$/,
  );
});
