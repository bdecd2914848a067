import type { TransactionTask } from "../../store/store.ts";
import { type Claim, type ClaimRequest, claimInTransaction } from "./claim.ts";

/** {@link claimInTransaction} as a task for the database thread, since a runner's claim must be fast. */
const claimTask: TransactionTask<ClaimRequest, Claim> = claimInTransaction;

export default claimTask;
