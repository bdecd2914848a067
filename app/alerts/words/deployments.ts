import { formatDuration } from "../../../shared/format-duration.ts";
import { NOTHING, targetUrl, type Writers } from "./writers.ts";

/** The words of alerts about one deployment. */
export const DEPLOYMENT_WORDS = {
  deployment_failed: async (
    { deploymentId, attempt, reason },
    { state, subject },
    { store, pageUrl, homeUrl },
  ) => {
    const row = await store.read
      .selectFrom("deployments")
      .select(["repository", "target", "environment", "sha", "ref", "actor", "verify_url"])
      .where("id", "=", deploymentId)
      .executeTakeFirst();
    const what = row ? `${row.target} of ${row.repository}` : subject;
    const commit = row ? `${row.ref} at ${row.sha.slice(0, 12)}` : "The commit";
    const by = row?.actor ? `, by ${row.actor}` : "";
    const url = pageUrl(deploymentId);
    if (state === "resolved")
      return {
        title: `Deployed again: ${what}`,
        cause: `${commit}${by} succeeded.`,
        effect: "The failure before it is made good.",
        remedy: NOTHING,
        url,
      };
    // The command has changed the site already, so that going back is the first thing to offer.
    if (row && row.verify_url !== null)
      return {
        title: `Deployment failed: ${what}`,
        cause: `${reason ?? "no reason is on record"}${attempt > 1 ? ` (attempt ${attempt})` : ""}`,
        effect: `${commit}${by} may be live in ${row.environment}, but ${row.verify_url} does not show it.`,
        remedy: `Roll back on the page of the target, or mend the cause and retry it: ${url}`,
        url: targetUrl(homeUrl, row.repository, row.target),
      };
    return {
      title: `Deployment failed: ${what}`,
      cause: `${reason ?? "no reason is on record"}${attempt > 1 ? ` (attempt ${attempt})` : ""}`,
      effect: `${commit}${by} is not deployed, or only in part. What ran in ${row?.environment ?? "its environment"} before may still run.`,
      remedy:
        "Read its log, mend the cause, and retry it on its page, or by re-running the workflow at GitHub.",
      url,
    };
  },

  deployment_succeeded: async ({ deploymentId, attempt }, { subject }, { store, pageUrl }) => {
    const row = await store.read
      .selectFrom("deployments")
      .select(["repository", "target", "environment", "sha", "ref", "actor", "started_at", "finished_at"])
      .where("id", "=", deploymentId)
      .executeTakeFirst();
    const { started_at: from = null, finished_at: to = null } = row ?? {};
    const commit = row ? `${row.ref} at ${row.sha.slice(0, 12)}` : "The commit";
    return {
      title: `Deployed: ${row ? `${row.target} of ${row.repository}` : subject}`,
      cause: `${commit}${row?.actor ? `, by ${row.actor},` : ""} succeeded${attempt > 1 ? ` (attempt ${attempt})` : ""}.`,
      effect: `It is live in ${row?.environment ?? "its environment"}${from === null || to === null ? "" : `, after ${formatDuration(to - from)}`}.`,
      remedy: NOTHING,
      url: pageUrl(deploymentId),
    };
  },

  rollback: async ({ deploymentId, runId, insteadOf }, { subject }, { store, pageUrl }) => {
    const row = await store.read
      .selectFrom("deployments")
      .select(["repository", "target", "environment", "sha", "run_attempt", "order_note"])
      .where("id", "=", deploymentId)
      .executeTakeFirst();
    const what = row ? `${row.target} of ${row.repository}` : subject;
    if (runId === null)
      return {
        title: `Rolled back: ${what}`,
        cause: row?.order_note ?? "A person asked for it.",
        effect: `${row?.environment ?? "The environment"} gets this commit again. If the target is held, newer runs wait.`,
        remedy: "If nobody meant to roll back, release the target, and deploy the newer commit again.",
        url: pageUrl(deploymentId),
      };
    return {
      title: `Rolled back: ${what}`,
      cause: `A re-run of run ${runId}${row ? ` (attempt ${row.run_attempt})` : ""} was deployed after run ${insteadOf}, the newest.`,
      effect: `${row?.environment ?? "The environment"} gets an older commit${row ? `, ${row.sha.slice(0, 12)}` : ""}. The next new run is deployed as usual.`,
      remedy: `If nobody meant to roll back, re-run all jobs of run ${insteadOf} at GitHub.`,
      url: pageUrl(deploymentId),
    };
  },

  host_missing: ({ deploymentId, hosts }, { state, subject }, { pageUrl }) => {
    const named = hosts.join(", ");
    if (state === "resolved")
      return {
        title: `No deployment waits for a host any more: ${subject}`,
        cause: "The host is back, or nothing waits for it.",
        effect: "Deployments go on.",
        remedy: NOTHING,
      };
    return {
      title: `A deployment waits for ${hosts.length === 1 ? "the host" : "one of the hosts"} ${named}: ${subject}`,
      cause: hosts.length === 1 ? `No instance of ${named} is up.` : "No instance of any of them is up.",
      effect: "It goes on once an instance there is up again. Newer runs of this target wait too.",
      remedy: `Start the instances on ${named}, or cancel the deployment. For a host that is gone, correct hosts in twinhook.yml.`,
      ...(deploymentId !== null && { url: pageUrl(deploymentId) }),
    };
  },
} satisfies Partial<Writers>;
