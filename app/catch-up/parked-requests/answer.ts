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

/** How far GitHub's clock and this host's are assumed to be apart, at most. */
const CLOCKS_DIFFER_MS = 60 * 60_000;

/** What is on record of these GitHub Deployments, which some look has accepted or refused. */
export async function leftOnRecord(
  store: Store,
  left: readonly ParkedRequest[],
): Promise<Pick<DeliveryRow, "guid" | "reason" | "deployment_ids">[]> {
  if (left.length === 0) return [];
  // Accepted or refused after they were made, give or take what the clocks differ.
  const since = Math.min(...left.map(({ createdAt }) => createdAt)) - CLOCKS_DIFFER_MS;
  const guids = left.map(({ guid }) => guid);
  return store.read
    .selectFrom("deliveries")
    .select(["guid", "reason", "deployment_ids"])
    .where("received_at", ">=", since)
    .where("guid", "in", guids)
    .execute();
}

/**
 * Says on GitHub Deployments that an Action left why nothing more will be reported on them: the request was
 * refused, or another GitHub Deployment shows the same deployment already. It goes by what is on record, since
 * whoever recorded it may have ended before it was said. `answered` holds the GUIDs of those of which nothing is left
 * to say, and gains others; what cannot be said is left to the next call.
 */
export async function answerParkedRequests(
  left: readonly ParkedRequest[],
  answered: Set<string>,
  o: { store: Store; access: RepositoryAccess; budget: CallBudget; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  const { store, log } = o;
  const open = left.filter(({ guid }) => !answered.has(guid));
  const known = new Map((await leftOnRecord(store, open)).map((row) => [row.guid, row]));
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
      log.warn({ githubDeployment: id, repository }, `cannot say so at GitHub yet: ${message}`);
      throw error;
    }
  });
}

/** Null for one that shows its deployment, and is reported on. */
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

/** Returns whether it had not been said before, be it by another instance. */
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
