import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";

/** An authority of a test's own, and a server's certificate that it signed. */
export interface PrivateCa {
  /** The authority's certificate, as NODE_EXTRA_CA_CERTS wants it. */
  caFile: string;
  tls: { cert: string; key: string };
  close(): void;
}

/** Makes an authority whose key nobody keeps, and a certificate for these names; `127.0.0.1` is one of them. */
export async function makePrivateCa(...names: string[]): Promise<PrivateCa> {
  const common = { keyType: "ec", algorithm: "sha256" } as const;
  const ca = await generate([{ name: "commonName", value: "Authority of a test" }], {
    ...common,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: "commonName", value: names[0] ?? "127.0.0.1" }], {
    ...common,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      {
        name: "subjectAltName",
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          { type: 7 as const, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  const directory = mkdtempSync(join(tmpdir(), "twinhook-ca-"));
  const caFile = join(directory, "ca.pem");
  writeFileSync(caFile, ca.cert);
  return {
    caFile,
    tls: { cert: server.cert, key: server.private },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}
