import type { DeploymentSource } from "../../shared/deployment.ts";

/** Whether the source is a request of the Action, at an endpoint or through GitHub. */
export function isAction(source: DeploymentSource): boolean {
  return source === "action" || source === "github_deployment";
}

/** Whether the source is GitHub's event that the run has ended. */
export function isEvent(source: DeploymentSource): boolean {
  return source === "webhook" || source === "catch_up" || source === "reconcile";
}

/**
 * Returns why an arrival deploys nothing, although its run attempt is new; null where it may deploy.
 * An attempt belongs to the run, not to the deploy job. A re-run of any other job ends in such an event.
 * `first` is the source of the run's first deployment to the target; undefined where there is none.
 */
export function whySetAside(
  { source, attempt }: { source: DeploymentSource; attempt: number | null },
  first: DeploymentSource | undefined,
): string | null {
  if (first === undefined || !isAction(first) || !isEvent(source)) return null;
  return `an Action asked for this run, so attempt ${attempt} counts only if an Action asks in it`;
}
