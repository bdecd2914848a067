import { readFileSync } from "node:fs";
import type { Server } from "node:https";
import { createSecureContext } from "node:tls";
import type { Logger } from "pino";

/** How often the files are looked at. */
const LOOK_MS = 60_000;

/** Where a server's certificate and its private key are, in PEM. */
export interface CertificateFiles {
  cert: string;
  key: string;
}

/** @throws {Error} when one of the files cannot be read. */
export function readCertificate({ cert, key }: CertificateFiles): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/**
 * Has `server` use a certificate that was renewed: connections that are made from then on see it. Files that cannot
 * be used (a certificate whose key is yet to be written, say) are logged, and looked at again; the old one stays.
 */
export function followCertificate(
  server: Server,
  files: CertificateFiles,
  { log, everyMs = LOOK_MS }: { log: Logger; everyMs?: number },
): void {
  let used = readCertificate(files);
  let trouble = "";
  const timer = setInterval(() => {
    try {
      const found = readCertificate(files);
      if (found.cert.equals(used.cert) && found.key.equals(used.key)) return;
      // It throws where the two do not fit together, before anything has changed.
      createSecureContext(found);
      server.setSecureContext(found);
      used = found;
      trouble = "";
      log.info(files, "the renewed certificate is used from now on");
    } catch (error) {
      const { message } = error as Error;
      if (message !== trouble)
        log.error(files, `the certificate was changed and cannot be used; the old one stays: ${message}`);
      trouble = message;
    }
  }, everyMs);
  timer.unref();
  server.on("close", () => clearInterval(timer));
}
