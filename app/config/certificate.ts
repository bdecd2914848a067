import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";

/** The files of a server's certificate and its private key, in PEM. */
export interface CertificateFiles {
  cert: string;
  key: string;
}

/**
 * Reads both files. @throws {Error} when one cannot be read, is no certificate or key, or does not fit the
 * other.
 */
export function readCertificate({ cert, key }: CertificateFiles): { cert: Buffer; key: Buffer } {
  const found = { cert: readFileSync(cert), key: readFileSync(key) };
  createSecureContext(found);
  return found;
}
