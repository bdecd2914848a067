import { describeRules } from "../../accept/approval.ts";
import { isoTime } from "../../clock.ts";
import { NOTHING, targetUrl, type Writers } from "./writers.ts";

/** The words of alerts about a target or its repository. */
export const TARGET_WORDS = {
  held: ({ repository, target, by, reason, until }, { state }, { homeUrl }) =>
    state === "resolved"
      ? {
          title: `Released: ${target} of ${repository}`,
          cause: `${by} ended the hold.`,
          effect: "Waiting runs are deployed now.",
          remedy: NOTHING,
          url: targetUrl(homeUrl, repository, target),
        }
      : {
          title: `Held: ${target} of ${repository}`,
          cause: `${by}: ${reason}`,
          effect: `New runs wait until ${until === null ? "somebody releases the target" : isoTime(until)}.`,
          remedy: "When they may go on, release it on its page.",
          url: targetUrl(homeUrl, repository, target),
        },

  approval_changed: ({ repository, target, environment, now, rules, byFile }) => ({
    title: `${now === "required" ? "Approval is needed" : "Approval is no longer needed"}: ${target} of ${repository}`,
    cause: byFile
      ? `twinhook.yml has approval: ${now} for the target.`
      : now === "required"
        ? `GitHub protects the environment ${environment} now: ${describeRules(rules)}.`
        : `GitHub has no protection rules for the environment ${environment} any more.`,
    effect:
      now === "required"
        ? `Only a job that names the environment ${environment} starts a deployment. The events of its runs wait for that job.`
        : "Events and Actions start deployments without an approval. Runs that waited for one go on waiting.",
    remedy:
      now === "required"
        ? `See that the deploy job has the lines "environment: ${environment}" and "permissions: { id-token: write }".`
        : `If nobody meant to remove it, protect the environment ${environment} at GitHub again, or set approval: required in twinhook.yml.`,
  }),

  repository_renamed: ({ name, now, id, takenBy, line }) =>
    takenBy === null
      ? {
          title: `Repository renamed: ${name} is ${now} now`,
          cause: `GitHub has the repository with the id ${id} under the name ${now}.`,
          effect: "It is deployed as before, as long as no other repository takes the old name.",
          remedy: `Write ${now} in ${line}, and run \`twinhook reload\`.`,
        }
      : {
          title: `Another repository has taken the name ${name}`,
          cause: `GitHub has the id ${takenBy} under this name. twinhook.yml means the id ${id}, last called ${now}.`,
          effect: `Events of the new ${name} deploy nothing. Those of ${now} do, if the App is installed there.`,
          remedy: `Write ${now} in ${line}. If the new one is meant: remove its targets, restart every instance, and add them again.`,
        },
} satisfies Partial<Writers>;
