import type { KnownDeployment } from "../../../action/ask/answer.ts";
import { Journal } from "../../../action/ask/journal.ts";
import type { Judgement } from "../../../action/ask/judge.ts";
import type { ActionRequest } from "../../../action/ask/request.ts";
import { type Endpoint, parseEndpoints } from "../../../action/input/endpoints.ts";
import type { StepReport } from "../../../action/report/report.ts";

/** The request of a push to `main` of `acme/site`. */
export const REQUEST: ActionRequest = {
  repository: "acme/site",
  environment: "production",
  run_id: 30433642,
  run_attempt: 1,
  via: { run_id: 30433642, run_attempt: 1 },
  sha: "1".repeat(40),
  ref: "refs/heads/main",
  workflow: ".github/workflows/deploy.yml",
  actor: "octocat",
};

/** What an endpoint told about the deployment for `REQUEST`. */
export function knownDeployment(changes: Partial<KnownDeployment> = {}): KnownDeployment {
  return {
    id: "dep_1",
    repository: REQUEST.repository,
    environment: REQUEST.environment,
    target: "production",
    sha: REQUEST.sha,
    run_id: REQUEST.run_id,
    run_attempt: REQUEST.run_attempt,
    status: "running",
    superseded_by: null,
    accepted_by: "primary",
    run_by: null,
    hosts: [],
    exit_code: null,
    reason: null,
    log_tail: null,
    verify: null,
    duplicate: false,
    onRecord: true,
    url: "https://deploy.example.com/deployments/dep_1",
    ...changes,
  };
}

/** Endpoints with names as the Action gives them. */
export function endpointsNamed(count: number): Endpoint[] {
  const urls = Array.from({ length: count }, (_, index) => `https://${index}.example.com`);
  return parseEndpoints(urls.join("\n")).endpoints;
}

/** A judgement that an endpoint's reply was worth nothing. */
export function refusal(changes: Partial<Exclude<Judgement, { kind: "deployment" }>> = {}): Judgement {
  return {
    kind: "transient",
    status: 503,
    cause: "answered 503",
    remedy: "Look into its log.",
    detail: null,
    retryAfterMs: null,
    mayHaveArrived: false,
    ...changes,
  };
}

/** A journal with these replies to deliveries, at a clock that stands still. */
export async function journalOf(replies: readonly [Endpoint, Judgement][]): Promise<Journal> {
  const journal = new Journal(
    () => Date.parse("2026-11-01T12:00:00Z"),
    () => {},
  );
  for (const [endpoint, judgement] of replies)
    await journal.record({ step: "deliver", endpoint, round: 1 }, async () => judgement);
  return journal;
}

/** A report of a step that confirmed; `changes` make it another. */
export function stepReport(changes: Partial<StepReport> = {}): StepReport {
  return {
    verdict: { kind: "confirmed", deployment: knownDeployment() },
    success: true,
    request: REQUEST,
    waitFor: "started",
    timeoutMs: 1_200_000,
    withoutGitHub: null,
    journal: new Journal(Date.now, () => {}),
    tookMs: 1_234,
    ...changes,
  };
}
