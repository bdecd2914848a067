import { branchRef, isBranch, nameOfRef } from "../config/refs.ts";
import type { DeploymentRecord } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import { askForScan } from "./ask-for-scan.ts";

/** The scan that asks GitHub which names of branches are names of tags too. */
export const TAG_SCAN = "tags";
/** The scan's results for a name. */
export const IS_TAG = "tag";
export const IS_NO_TAG = "none";
/** Names are scanned every hour. A result older than this is asked for again. */
const KNOWN_FOR_MS = 2 * 60 * 60_000;

/** The key of the scan's result for the name in this ref, such as `acme/site refs/heads/main`. */
export function tagPlace(repositoryKey: string, ref: string): string {
  return `${repositoryKey} ${branchRef(nameOfRef(ref))}`;
}

/**
 * Checks that the ref of a deployment is known: the events of a branch's and a tag's run are the same.
 * Returns null where GitHub has to be asked first. `note` says that GitHub could not answer.
 */
export async function findRef(
  trx: Writer,
  { repository_key, ref, ref_unproven }: DeploymentRecord,
  now: number,
): Promise<{ note: string | null } | null> {
  if (ref_unproven === null) return { note: null };
  // Only GitHub can tell that the tag has the commit.
  if (!isBranch(ref)) return null;
  const known = await trx
    .selectFrom("scans")
    .selectAll()
    .where("scan", "=", TAG_SCAN)
    .where("place", "=", tagPlace(repository_key, ref))
    .executeTakeFirst();
  if (!known || known.result === IS_TAG) return null;
  if (known.trouble !== null)
    return {
      note: `${ref} was taken for a branch: GitHub did not tell whether it is a tag (${known.trouble})`,
    };
  const isFresh = known.asked <= known.served && now - (known.seen_at ?? 0) <= KNOWN_FOR_MS;
  return isFresh && known.result === IS_NO_TAG ? { note: null } : null;
}

/** Makes the controller ask GitHub about a deployment's ref, unless it does already. */
export async function askForRef(
  trx: Writer,
  store: StoreContext,
  { id, repository_key, ref, reason }: DeploymentRecord,
): Promise<void> {
  const place = tagPlace(repository_key, ref);
  const known = await trx
    .selectFrom("scans")
    .select(["asked", "served", "trouble"])
    .where("scan", "=", TAG_SCAN)
    .where("place", "=", place)
    .executeTakeFirst();
  // After a refusal by GitHub the next regular scan asks again. Asking at once would never end.
  if (!known || (known.asked <= known.served && known.trouble === null))
    await askForScan(trx, store, { scan: TAG_SCAN, place });
  const cause = known?.trouble ? ` (${known.trouble})` : "";
  const other = isBranch(ref) ? "tag" : "branch";
  const wait = `waits until GitHub tells whether its run belongs to ${ref} or to a ${other} of that name${cause}`;
  if (reason === wait) return;
  await trx.updateTable("deployments").set({ reason: wait }).where("id", "=", id).execute();
}
