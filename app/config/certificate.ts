import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";

/** Where a server's certificate and its private key are, in PEM. */
export interface CertificateFiles {
  cert: string;
  key: string;
}

/** What a server needs of them. @throws {Error} when one cannot be read, is none, or does not fit the other. */
export function readCertificate({ cert, key }: CertificateFiles): { cert: Buffer; key: Buffer } {
  const found = { cert: readFileSync(cert), key: readFileSync(key) };
  createSecureContext(found);
  return found;
}
