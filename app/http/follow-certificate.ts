import type { Server } from "node:https";
import type { Logger } from "pino";
import { type CertificateFiles, readCertificate } from "../config/certificate.ts";

/** How often the files are looked at. */
const LOOK_MS = 60_000;

/**
 * Has `server`, which has the certificate `used`, use one that was renewed: connections that are made from then on see
 * it. Files that cannot be used (a certificate whose key is yet to be written, say) are logged, and looked at again;
 * the old one stays.
 */
export function followCertificate(
  server: Server,
  files: CertificateFiles,
  options: { used: ReturnType<typeof readCertificate>; log: Logger; everyMs?: number },
): void {
  const { log, everyMs = LOOK_MS } = options;
  let { used } = options;
  let trouble = "";
  const timer = setInterval(() => {
    try {
      const found = readCertificate(files);
      if (found.cert.equals(used.cert) && found.key.equals(used.key)) return;
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
