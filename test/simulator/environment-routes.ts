import { GitHubError } from "./github-error.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import { nodeId } from "./stable-values.ts";

/** A deployment environment, and the types of its protection rules; `custom` is a rule of an App. */
export interface EnvironmentRecord {
  name: string;
  rules: ("required_reviewers" | "wait_timer" | "branch_policy" | "custom")[];
}

const PATH = "/repos/{owner}/{repo}/environments/{environment_name}";

/** Environments and their protection rules. */
export const environmentRoutes: Route[] = [
  { method: "GET", path: PATH, auth: "token", permission: ["actions", "read"], handle: environment },
  {
    method: "GET",
    path: `${PATH}/deployment_protection_rules`,
    auth: "token",
    permission: ["actions", "read"],
    handle: customRules,
  },
];

/** GitHub ignores case in the name. */
function find({ repository, params }: RouteContext): EnvironmentRecord {
  const found = repository.environments.get((params.environment_name ?? "").toLowerCase());
  if (!found) throw new GitHubError(404, "Not Found");
  return found;
}

function environment(context: RouteContext): Answer {
  const { full_name } = context.repository;
  const { name, rules } = find(context);
  return {
    status: 200,
    body: {
      id: 161_088_068,
      node_id: nodeId("Environment", 1),
      name,
      url: `https://api.github.com/repos/${full_name}/environments/${name}`,
      html_url: `https://github.com/${full_name}/deployments/activity_log?environments_filter=${name}`,
      created_at: "2026-01-05T08:00:00Z",
      updated_at: "2026-01-05T08:00:00Z",
      protection_rules: rules
        .filter((type) => type !== "custom")
        .map((type, index) => ({
          id: 3736 + index,
          node_id: nodeId("Gate", index + 1),
          type,
          ...(type === "wait_timer" && { wait_timer: 30 }),
          ...(type === "required_reviewers" && { prevent_self_review: false, reviewers: [] }),
        })),
      deployment_branch_policy: rules.includes("branch_policy")
        ? { protected_branches: true, custom_branch_policies: false }
        : null,
    },
  };
}

function customRules(context: RouteContext): Answer {
  const own = find(context).rules.filter((rule) => rule === "custom");
  return {
    status: 200,
    body: {
      total_count: own.length,
      custom_deployment_protection_rules: own.map((_, index) => ({
        id: 3 + index,
        node_id: nodeId("DeploymentProtectionRule", index + 1),
        enabled: true,
        app: {
          id: 1,
          node_id: nodeId("App", 1),
          slug: "a-custom-app",
          integration_url: "https://api.github.com/apps/a-custom-app",
        },
      })),
    },
  };
}
