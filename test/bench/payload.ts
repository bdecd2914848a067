import { workflowRunPayload } from "../simulator/workflow-run-payload.ts";
import type { EventPlan } from "./event-source.ts";
import type { Entrance } from "./subjects/subject.ts";

/** As long as GitHub's own run ids are now, so that every id of a measurement has as many digits. */
const RUN_ID = 20_000_000_000;

/** GitHub's example of a `workflow_run` event, as JSON. */
export const BODY = JSON.stringify(workflowRunPayload({ repository: "acme/site", runId: RUN_ID }));

let freshRuns = 0;

/**
 * A plan for events to this entrance. Every `freshRunEvery`th is of a run that was never sent before (0: none
 * is), for which at most `reserve` ids are set aside, so that no other plan uses them.
 */
export function planEvents(entrance: Entrance, freshRunEvery: number, reserve = 0): EventPlan {
  const { host, port, path, secret } = entrance;
  const firstFreshRunId = RUN_ID + 1 + freshRuns;
  freshRuns += reserve;
  return { host, port, path, secret, body: BODY, runId: RUN_ID, freshRunEvery, firstFreshRunId };
}
