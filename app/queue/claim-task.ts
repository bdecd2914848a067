import type { TransactionTask } from "../store/store.ts";
import { type Claim, type ClaimRequest, claimInTransaction } from "./claim.ts";

/** {@link claimInTransaction} as a task: a runner's claim must cost as little time as it can. */
const claimTask: TransactionTask<ClaimRequest, Claim> = claimInTransaction;

export default claimTask;
