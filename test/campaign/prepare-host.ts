import { TestHost } from "../helpers/test-host.ts";
import type { GitHub } from "../simulator/simulator.ts";
import { DEPLOY_SCRIPT } from "./deploy-script.ts";
import { SOURCES, targetConfigs } from "./targets.ts";

/** A host with the campaign's targets, and their repositories at GitHub. */
export async function prepareHost(
  github: GitHub,
  storeUrl: string | undefined,
  config: Record<string, unknown> = {},
) {
  const repositories = new Map(
    Object.keys(SOURCES).map((source) => {
      const name = source.split(" ")[0] as string;
      return [name, github.addRepository(name)] as const;
    }),
  );
  const host = await TestHost.create({
    github,
    ...(storeUrl && { store: storeUrl }),
    script: DEPLOY_SCRIPT,
    targets: targetConfigs(),
    config: {
      failover: {},
      // GitHub's troubles are short here, and so is the patience with them.
      retry: { base_delay: "100ms", max_delay: "1s" },
      circuit_breaker: { timeout: "1s" },
      ...config,
    },
  });
  return { host, repositories };
}
