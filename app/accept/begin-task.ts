import { type Claim, type ClaimRequest, claimInTransaction, serializeClaims } from "../queue/claim/claim.ts";
import type { Store, TransactionTask } from "../store/store.ts";
import type { Accepted } from "./accepted.ts";
import type { Arrival } from "./arrival.ts";
import { commitBatch } from "./commit-batch.ts";
import type { CommitInput } from "./commit-task.ts";

/** One arrival, and the claim of the target that it deploys to. */
export interface BeginInput {
  accept: CommitInput;
  claim: ClaimRequest;
  /** Takes everything back at the end. */
  isRehearsal?: boolean;
}

export interface Begun {
  accepted: Accepted;
  claim: Claim;
}

/**
 * Accepts an arrival, and claims the next deployment of its target in the same transaction. So a deployment that
 * need not wait begins after one commit, not two.
 */
const beginTask: TransactionTask<BeginInput, Begun> = async (trx, store, { accept, claim, isRehearsal }) => {
  // The claim's locks come first, as in every claim: two transactions never wait for each other.
  await serializeClaims(trx, store, claim);
  const [accepted] = (await commitBatch(trx, store, accept.arrivals, accept.by)) as [Accepted];
  const begun: Begun = {
    accepted,
    claim: accepted.queued ? await claimInTransaction(trx, store, claim) : { kind: "nothing" },
  };
  if (isRehearsal) throw new Error("this was a rehearsal");
  return begun;
};

export default beginTask;

/** After so many rehearsals a transaction takes a third of the time of the second. */
const REHEARSALS = 5;

/**
 * Begins deployments of a target that does not exist, and takes them back, so that the first real one finds its code
 * compiled and its statements prepared.
 */
export async function rehearseBegin(store: Store): Promise<void> {
  const facts = { runId: 1, runAttempt: 1, runStartedAt: 1, repository: "", sha: "", ref: "" };
  const unknown = { workflow: null, actor: null, commitTitle: null, numbered: { workflow: "", number: 1 } };
  const target = { name: "", environment: "", refs: [], routes: [], approval: "none" as const };
  const arrival: Arrival = {
    ...{ source: "webhook", guid: "", event: "", action: null, repository: "", ignored: null },
    ...{ facts: { ...facts, ...unknown }, targets: [target], payload: null, viaRunAttempt: null },
  };
  const place = { holder: "", instance: "", host: "", lock: null };
  const claim: ClaimRequest = { repositoryKey: "", target: "", workflow: "", queue: "all", ...place };
  const accept = { arrivals: [arrival], by: { instance: "", now: 0 } };
  for (let done = 0; done < REHEARSALS; done++)
    await store
      .perform("begin-task", { accept, claim, isRehearsal: true } satisfies BeginInput)
      .catch(() => {});
}
