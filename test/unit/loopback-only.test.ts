import { get } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { connect as connectByTls } from "node:tls";
import { createTransport } from "nodemailer";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";

/** How a connection to `host` fails. */
const WAYS: Record<string, (host: string) => Promise<unknown>> = {
  fetch: (host) => fetch(`https://${host}/`).catch(({ cause }) => cause),
  "node:http": (host) => failure(get(`http://${host}/`)),
  "node:net": (host) => failure(connect(5432, host)),
  "node:tls": (host) => failure(connectByTls({ host, port: 443 })),
  "a WebSocket": (host) => failure(new WebSocket(`wss://${host}/`)),
  PostgreSQL: (host) => new pg.Client({ host }).connect().catch((error) => error),
  mail: (host) =>
    createTransport({ host, dnsTimeout: 1 })
      .verify()
      .catch((error) => error),
};

function failure(socket: { once(event: "error" | "connect", act: (value?: unknown) => void): unknown }) {
  return new Promise((resolve) => {
    socket.once("error", resolve);
    socket.once("connect", () => resolve("connected"));
  });
}

describe.each(Object.entries(WAYS))("a test that leaves the machine by %s", (name, fail) => {
  // A mail client asks for the address of a name by itself.
  test.each(name === "mail" ? ["192.0.2.1"] : ["192.0.2.1", "api.github.com"])(
    "to %s is refused",
    async (host) => {
      expect(await fail(host)).toMatchObject({
        code: expect.stringMatching(/^(ENETUNREACH|ESOCKET)$/),
        message: expect.stringContaining(`no test may reach ${host}, outside this machine`),
      });
    },
  );
});

test.each(["127.0.0.1", "127.8.8.8", "::1", "localhost"])("a server on %s is reached", async (host) => {
  const server = createServer((socket: Socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  expect(await failure(connect((server.address() as AddressInfo).port, host))).toBe("connected");
  server.close();
});
