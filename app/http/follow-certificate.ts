import type { Server } from "node:https";
import type { Logger } from "pino";
import { type CertificateFiles, readCertificate } from "../config/certificate.ts";

/** How often the files are checked. */
const LOOK_MS = 60_000;

/**
 * Watches the certificate files and gives `server` a renewed certificate. New connections use it from then
 * on. Unusable files are logged and checked again; the old certificate stays. For example, the new key may
 * not be written yet. `used` is the current certificate.
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
        log.error(files, `the changed certificate cannot be used, and the old one stays: ${message}`);
      trouble = message;
    }
  }, everyMs);
  timer.unref();
  server.on("close", () => clearInterval(timer));
}
