import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import pino from "pino";
import { expect, it, onTestFinished } from "vitest";
import { readCertificate } from "../../../app/config/certificate.ts";
import { followCertificate } from "../../../app/http/follow-certificate.ts";
import { makePrivateCa } from "../../helpers/private-ca.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

it("a certificate that was renewed is used from then on; one that does not fit its key is told, and is not", async () => {
  const directory = temporaryDirectory();
  const files = { cert: join(directory, "cert.pem"), key: join(directory, "key.pem") };
  const make = async (name: string) => {
    const ca = await makePrivateCa(name);
    onTestFinished(() => ca.close());
    return ca.tls;
  };
  const write = ({ cert, key }: { cert: string; key: string }) => {
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
  };
  const [old, renewed, later] = await Promise.all(["old.example", "new.example", "later.example"].map(make));
  if (!old || !renewed || !later) throw new Error("unreachable");
  write(old);
  const used = readCertificate(files);
  const server = createServer(used);
  const told: string[] = [];
  const log = pino({}, { write: (line: string) => void told.push(line) });
  followCertificate(server, files, { used, log, everyMs: 20 });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const shown = async () => {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN;
  };
  expect(await shown()).toBe("old.example");
  write(renewed);
  await expect.poll(shown).toBe("new.example");
  writeFileSync(files.cert, later.cert);
  await expect.poll(() => told.at(-1)).toContain("the old one stays");
  expect(await shown()).toBe("new.example");
  writeFileSync(files.key, later.key);
  await expect.poll(shown).toBe("later.example");
});
