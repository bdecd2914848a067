import type { Probot } from "probot";
import { stringify } from "yaml";
import type { Config } from "../config/load.ts";
import { readSwitchboard } from "../failover/switchboard.ts";
import { type AppFacts, readAppFacts } from "../github/app-facts.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";

/** The state of the setup, and the remaining steps until the first deployment. */
export interface Checklist {
  app: { facts: AppFacts } | { problem: string };
  /** Every repository on which the App is installed, with the names of its targets. */
  repositories: { name: string; targets: string[] }[];
  /** Whether GitHub was seen to have the webhook's URL. */
  webhookVerified: boolean;
  /** The number of recorded deliveries and deployments. */
  deliveries: number;
  deployments: number;
  configFile: string;
  endpoints: string[];
}

export async function readChecklist(options: {
  config: Config;
  store: Store;
  app: Promise<Probot>;
}): Promise<Checklist> {
  const { config, store } = options;
  const asked = options.app
    .then((app) => readAppFacts(app, config.environment.githubUrl))
    .then(
      (facts) => ({ facts }),
      (error: Error) => ({ problem: `GitHub cannot be asked: ${error.message.split("\n")[0]}` }),
    );
  const some = (table: "deliveries" | "deployments") =>
    store.read.selectFrom(table).select("id").limit(1).execute();
  const [app, board, deliveries, deployments] = await Promise.all([
    asked,
    readSwitchboard(store),
    some("deliveries"),
    some("deployments"),
  ]);
  const installed = "facts" in app ? app.facts.installations.flatMap(({ repositories }) => repositories) : [];
  return {
    app,
    repositories: installed.map((name) => ({
      name,
      targets: config.targets
        .filter(({ repository }) => repositoryKey(repository) === repositoryKey(name))
        .map((target) => target.name),
    })),
    webhookVerified: board?.webhook_verified_at != null,
    deliveries: deliveries.length,
    deployments: deployments.length,
    configFile: config.file,
    endpoints: config.instances.map(({ url }) => url),
  };
}

/** A target for this repository, for people to copy and adapt. */
export function targetSnippet(repository: string): string {
  return stringify({
    targets: [
      {
        repository,
        environment: "production",
        workflow: ".github/workflows/ci.yml",
        branches: ["main"],
        run: ["./deploy.sh"],
        directory: `/srv/${repository.split("/")[1]}`,
      },
    ],
  });
}

/** A workflow job that asks these endpoints for the deployment, and waits for it. */
export function workflowSnippet(endpoints: readonly string[]): string {
  return stringify(
    {
      jobs: {
        deploy: {
          needs: "test",
          "runs-on": "ubuntu-latest",
          environment: "production",
          permissions: { "id-token": "write", deployments: "write" },
          steps: [
            {
              uses: "OWNER/twinhook@v1",
              with: {
                endpoints: `${endpoints.join("\n")}\n`,
                environment: "production",
                "wait-for": "succeeded",
              },
            },
          ],
        },
      },
    },
    { lineWidth: 0 },
  );
}
