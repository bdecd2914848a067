import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { ENV_FILE } from "../config/environment/env-file.ts";
import { localUrl } from "../config/listen-address.ts";
import { DEFAULT_FILE, loadConfig } from "../config/load.ts";
import { BodyReader } from "../http/body-reader.ts";
import { listen, stopListening } from "../http/listen.ts";
import { createWebServer, requestHandler } from "../http/server.ts";
import { assetRoutes } from "../pages/assets.ts";
import { pageHeaders } from "../pages/page-headers.ts";
import { problemPage } from "../pages/problem-page.ts";
import { FIRST_LISTENS, firstRunRoutes } from "./first-run-routes.ts";
import { OwnCode } from "./setup-code.ts";
import { SetupSessions } from "./setup-sessions.ts";

/** The last page loads its styles and script after it has come; then the instance takes over the port. */
const LAST_PAGE_MS = 1_500;

/**
 * Serves `/setup` at the first instance's address until the App exists and its environment is written.
 * @throws {ConfigError} when there is an unusable configuration.
 */
export async function firstRun({
  env,
  clock,
  log,
  print,
}: {
  env: NodeJS.ProcessEnv;
  clock: Clock;
  log: Logger;
  /** Shows a line to the person at the terminal. */
  print: (line: string) => void;
}): Promise<void> {
  const configFile = resolve(env.TWINHOOK_CONFIG || DEFAULT_FILE);
  const config = existsSync(configFile) ? loadConfig(env) : null;
  const first = config?.instances[0];
  const address = first ?? { listen: FIRST_LISTENS[0] };
  const page = `${localUrl(address)}/setup`;
  await new Promise<void>((resolvePromise, reject) => {
    const places = first ? `${page} (${first.url}/setup)` : page;
    const codes = new OwnCode((code) =>
      print(`There is no GitHub App yet. Make one at ${places}; one-time code: ${code}`),
    );
    const sessions = new SetupSessions({
      key: randomBytes(32),
      clock,
      codes,
      origins: config?.instances.map(({ url }) => new URL(url).origin) ?? [],
    });
    const routes = firstRunRoutes({
      sessions,
      config,
      configFile,
      envFile: resolve(ENV_FILE),
      env,
      onMade: () => {
        setTimeout(() => {
          const closed = stopListening(server);
          server.closeAllConnections();
          closed.then(resolvePromise, reject);
        }, LAST_PAGE_MS);
      },
    });
    const handle = requestHandler({
      bodies: new BodyReader(),
      // GitHub has no App yet, so it sends nothing.
      webhook: (_request, response) => response.writeHead(503).end(),
      routes: [
        ["/", routes],
        ["/assets", assetRoutes()],
      ],
      pageHeaders: pageHeaders({ origins: [] }),
      problemPage: (problem, c) => c.html(problemPage(problem), problem.status as 404),
      log,
    });
    const server = createWebServer(handle, { tls: first?.tls, log });
    listen(server, address.listen).then(() => codes.announce(), reject);
  });
}
