import type { DeploymentSource } from "../../../shared/deployment.ts";

/** The name and the meaning of each route by which a request can arrive. */
export const SOURCES: Record<DeploymentSource, { name: string; meaning: string }> = {
  webhook: { name: "webhook", meaning: "GitHub delivered the event" },
  action: { name: "Action", meaning: "the Action delivered the request" },
  catch_up: { name: "catch-up", meaning: "found in GitHub's delivery log, where it stood as failed" },
  reconcile: { name: "reconcile", meaning: "found among the completed runs at GitHub; no event had arrived" },
  github_deployment: { name: "GitHub Deployment", meaning: "left by the Action at GitHub, and found there" },
  manual: { name: "by hand", meaning: "an admin asked for this commit" },
};
