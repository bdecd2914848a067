import { X509Certificate } from "node:crypto";
import { createServer } from "node:https";
import { type AddressInfo, createServer as createPlainServer } from "node:net";
import { expect, it } from "vitest";
import { CertificateExpiry } from "../../../app/metrics/certificate-expiry.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { eventually } from "../../helpers/eventually.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { makePrivateCa } from "../../helpers/private-ca.ts";

const HOUR_MS = 3_600_000;

it("an endpoint's certificate is read where it is served, and again after an hour", async () => {
  const ca = await makePrivateCa();
  atTestEnd(() => ca.close());
  const server = createServer(ca.tls);
  let connections = 0;
  server.on("secureConnection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atTestEnd(() => server.close());
  const { port } = server.address() as AddressInfo;
  const clock = new ManualClock();
  const expiry = new CertificateExpiry([{ name: "primary", url: `https://127.0.0.1:${port}` }], clock);
  const at = Date.parse(new X509Certificate(ca.tls.cert).validTo) / 1000;

  await eventually(() => expect(expiry.read()).toEqual([{ endpoint: "primary", at }]));
  await eventually(() => expect(connections).toBe(1));
  clock.ms = HOUR_MS;
  expect(expiry.read()).toEqual([{ endpoint: "primary", at }]);
  await eventually(() => expect(connections).toBe(2));
});

it("an endpoint without a certificate, or without an answer, has no date", async () => {
  const silent = createPlainServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  atTestEnd(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const closed = new Promise<void>((resolve) => silent.once("connection", (s) => s.once("close", resolve)));
  const expiry = new CertificateExpiry(
    [
      { name: "primary", url: `https://127.0.0.1:${port}` },
      { name: "backup", url: "http://127.0.0.1:9" },
    ],
    new ManualClock(),
  );
  expiry.read();
  await closed;
  expect(expiry.read()).toEqual([]);
});
