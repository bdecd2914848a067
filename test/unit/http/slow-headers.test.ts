import { writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import { pino } from "pino";
import { generate } from "selfsigned";
import { expect, test } from "vitest";
import { createWebServer } from "../../../app/http/server.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

const log = pino({ level: "silent" });
/** In ms, after which a client that is too slow with its headers is cut off at the latest. */
const limit = (server: Server) =>
  server.headersTimeout +
  (server as Server & { connectionsCheckingInterval: number }).connectionsCheckingInterval;

test("a client that is slow to send its headers is cut off after 15 s, or a second later", () => {
  expect(limit(createWebServer(() => {}, { tls: undefined, log }))).toBeLessThanOrEqual(16_000);
});

test("so it is with TLS", async () => {
  const folder = temporaryDirectory();
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const made = await generate([{ name: "commonName", value: "localhost" }]);
  writeFileSync(cert, made.cert);
  writeFileSync(key, made.private);
  expect(limit(createWebServer(() => {}, { tls: { cert, key }, log }))).toBeLessThanOrEqual(16_000);
});
