import type { Server } from "node:http";
import { setImmediate as nextRound } from "node:timers/promises";
import { parseListen } from "../config/listen-address.ts";

/**
 * Listens on `HOST:PORT`, and resolves with where that really is. `shared`: every instance of the host listens
 * there, and the kernel deals the new connections out among those that are alive.
 */
export function listen(
  server: Server,
  address: string,
  { shared = false } = {},
): Promise<{ host: string; port: number }> {
  const { host, port } = parseListen(address);
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        shared && error.code === "ENOTSUP"
          ? new Error(
              `this platform (${process.platform}) lets no two processes listen on one port; remove \`door\` from the configuration, or run on Linux`,
              { cause: error },
            )
          : error,
      ),
    );
    server.listen({ host, port, reusePort: shared }, () => {
      const bound = server.address();
      resolve({ host, port: typeof bound === "object" && bound ? bound.port : port });
    });
  });
}

/** How long new connections may keep coming before the port is given up all the same. */
const EMPTYING_LIMIT_MS = 1_000;

/** The round in which it begins may have looked before someone came. */
const QUIET_ROUNDS = 2;

/**
 * Stops listening, and resolves when the last connection is closed. Closing resets the connections that nobody has
 * taken in yet, and a round of the event loop takes in one: so it waits until nobody is left to be taken in.
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
