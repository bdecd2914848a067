import { appHookRoutes } from "./app-hook-routes.ts";
import { appRoutes } from "./app-routes.ts";
import { deploymentRoutes } from "./deployment-routes.ts";
import { deploymentStatusRoutes } from "./deployment-status-routes.ts";
import { environmentRoutes } from "./environment-routes.ts";
import { issueRoutes } from "./issue-routes.ts";
import { manifestRoutes } from "./manifest-routes.ts";
import { oidcRoutes } from "./oidc-routes.ts";
import { refRoutes } from "./ref-routes.ts";
import { repositoryHookRoutes } from "./repository-hook-routes.ts";
import { repositoryRoutes } from "./repository-routes.ts";
import type { Route } from "./router.ts";
import { signInRoutes } from "./sign-in-routes.ts";
import { workflowRunRoutes } from "./workflow-run-routes.ts";

/** Every route that the simulated GitHub answers. */
export const ROUTES: readonly Route[] = [
  ...appRoutes,
  ...appHookRoutes,
  ...repositoryRoutes,
  ...repositoryHookRoutes,
  ...refRoutes,
  ...environmentRoutes,
  ...workflowRunRoutes,
  ...deploymentRoutes,
  ...deploymentStatusRoutes,
  ...issueRoutes,
  ...manifestRoutes,
  ...signInRoutes,
  ...oidcRoutes,
];
