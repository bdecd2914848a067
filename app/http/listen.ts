import type { Server } from "node:http";
import { setImmediate as nextRound } from "node:timers/promises";
import { parseListen } from "../config/listen-address.ts";

/**
 * Listens on `HOST:PORT`, and resolves with the real address. With `shared`, every instance of the host
 * listens on the same port. The kernel spreads new connections over the live instances.
 */
export function listen(
  server: Server,
  address: string,
  { shared = false } = {},
): Promise<{ host: string; port: number }> {
  const { host, port } = parseListen(address);
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const explained = explain(error.code, address, shared);
      reject(explained === null ? error : new Error(explained, { cause: error }));
    });
    server.listen({ host, port, reusePort: shared }, () => {
      const bound = server.address();
      resolve({ host, port: typeof bound === "object" && bound ? bound.port : port });
    });
  });
}

/** Why nothing can listen there, and the remedy; null where the error's own words must do. */
function explain(code: string | undefined, address: string, shared: boolean): string | null {
  if (shared && code === "ENOTSUP")
    return `this platform (${process.platform}) lets no two processes listen on one port; remove \`door\` from the configuration, or run on Linux`;
  if (code === "EADDRINUSE")
    return `another program listens at ${address} already; end it (\`ss -ltnp\` names it), or change the listen address in twinhook.yml`;
  return null;
}

/** How long new connections may keep coming before the port is closed anyway. */
const EMPTYING_LIMIT_MS = 1_000;

/** A connection may arrive after the first round has looked, so two quiet rounds are needed. */
const QUIET_ROUNDS = 2;

/**
 * Stops listening, and resolves when the last connection is closed. Closing resets connections that are not
 * accepted yet, and each round of the event loop accepts one. So this function waits until none is left.
 */
export async function stopListening(server: Server): Promise<void> {
  let quiet = 0;
  server.on("connection", () => {
    quiet = 0;
  });
  const until = performance.now() + EMPTYING_LIMIT_MS;
  while (quiet < QUIET_ROUNDS && performance.now() < until) {
    quiet += 1;
    await nextRound();
  }
  await new Promise((resolve) => server.close(resolve));
}
