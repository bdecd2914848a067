import type { Logger } from "pino";
import {
  readStatus,
  type WrittenStatus,
  writeElsewhere,
  writeRefusal,
} from "../../../shared/github-status.ts";
import { type CallBudget, CallsReservedError } from "../../github/call-budget.ts";
import { callLimit, ownerAndName, type RepositoryAccess } from "../../github/repository-access.ts";
import { takeContentCall } from "../../queue/claim-announcement.ts";
import { accountOf } from "../../store/repository-key.ts";
import type { DeliveryRow } from "../../store/schema.ts";
import type { Store } from "../../store/store.ts";
import { settleInGroups } from "../../upkeep/settle-in-groups.ts";
import type { ParkedRequest } from "./parked-request.ts";

/** The largest assumed difference between GitHub's clock and this host's. */
const CLOCKS_DIFFER_MS = 60 * 60_000;

/** The records of those parked requests that a scan has accepted or refused. */
export async function leftOnRecord(
  store: Store,
  parked: readonly ParkedRequest[],
): Promise<Pick<DeliveryRow, "id" | "guid" | "reason" | "deployment_ids">[]> {
  if (parked.length === 0) return [];
  // A request is accepted or refused after it was made, give or take the difference of the clocks.
  const since = Math.min(...parked.map(({ createdAt }) => createdAt)) - CLOCKS_DIFFER_MS;
  const guids = parked.map(({ guid }) => guid);
  return store.read
    .selectFrom("deliveries")
    .select(["id", "guid", "reason", "deployment_ids"])
    .where("received_at", ">=", since)
    .where("guid", "in", guids)
    .execute();
}

/**
 * Posts a last status on parked requests that get no further one: the request was refused, or another GitHub
 * Deployment shows the same deployment. It reads the store, since the process that judged the request may have ended
 * before it posted the status. `answered` holds the GUIDs of requests that need no further status; this adds to it. A
 * status that cannot be posted is left to the next call.
 */
export async function answerParkedRequests(
  parked: readonly ParkedRequest[],
  answered: Set<string>,
  o: { store: Store; access: RepositoryAccess; budget: CallBudget; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  const { store, log } = o;
  const open = parked.filter(({ guid }) => !answered.has(guid));
  // These are judged again, once GitHub has told whether it protects their environment.
  const undecided = await store.read
    .selectFrom("waiting_runs")
    .select("delivery_id")
    .where("gate", "=", "protection")
    .execute();
  const onRecord = (await leftOnRecord(store, open)).filter(
    ({ id }) => !undecided.some(({ delivery_id }) => delivery_id === id),
  );
  const known = new Map(onRecord.map((row) => [row.guid, row]));
  await settleInGroups(open, async ({ id, guid, repository }) => {
    const row = known.get(guid);
    if (!row) return;
    try {
      const answer = await answerTo(store, id, row);
      if (answer !== null && (await sayOnce(o, { id, repository }, answer, signal)))
        log.warn({ githubDeployment: id, repository, reason: row.reason }, answer.description);
      answered.add(guid);
    } catch (error) {
      const { message } = error as Error;
      log.warn({ githubDeployment: id, repository }, `posting the status failed, will retry: ${message}`);
      throw error;
    }
  });
}

/** The last status of a parked request; null if its GitHub Deployment shows its own deployment. */
async function answerTo(
  store: Store,
  id: string,
  { reason, deployment_ids }: Pick<DeliveryRow, "reason" | "deployment_ids">,
): Promise<WrittenStatus | null> {
  const [deploymentId] = JSON.parse(deployment_ids) as string[];
  if (deploymentId === undefined) return writeRefusal(reason ?? "no reason given");
  const shown = await store.read
    .selectFrom("deployments")
    .select("github_deployment_id")
    .where("id", "=", deploymentId)
    .executeTakeFirst();
  const githubId = shown?.github_deployment_id;
  return githubId == null || githubId === id ? null : writeElsewhere(githubId, deploymentId);
}

/** Posts the status unless the GitHub Deployment has one already. Returns whether it did. */
async function sayOnce(
  { store, access, budget }: { store: Store; access: RepositoryAccess; budget: CallBudget },
  { id, repository }: { id: string; repository: string },
  answer: WrittenStatus,
  signal: AbortSignal,
): Promise<boolean> {
  const octokit = await access.octokit(repository);
  const place = { ...ownerAndName(repository), deployment_id: Number(id) };
  const route = "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses";
  const { data } = await octokit.request(`GET ${route}`, { ...place, request: callLimit(signal) });
  if (data.some((status) => status && readStatus(status) !== null)) return false;
  const account = accountOf(repository);
  const wait = await takeContentCall(store, account, budget.limitOf(account) !== null);
  if (wait > 0) throw new CallsReservedError(wait);
  await octokit.request(`POST ${route}`, { ...place, ...answer, request: callLimit(signal) });
  return true;
}
