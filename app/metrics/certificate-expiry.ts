import { connect } from "node:tls";
import type { Clock } from "../clock.ts";

/** How long what was read of a certificate is good. */
const GOOD_MS = 3_600_000;
const LIMIT_MS = 5_000;

/**
 * When the certificates of endpoints expire. They are read where they are served, which may be a proxy, over a
 * connection of its own: one that is kept open shows the certificate of the day on which it was made.
 */
export class CertificateExpiry {
  #urls: readonly { name: string; url: URL }[];
  #clock: Pick<Clock, "monotonic">;
  #known = new Map<string, number>();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(endpoints: readonly { name: string; url: string }[], clock: Pick<Clock, "monotonic">) {
    this.#urls = endpoints
      .map(({ name, url }) => ({ name, url: new URL(url) }))
      .filter(({ url }) => url.protocol === "https:");
    this.#clock = clock;
  }

  /** What is known now, in seconds since the epoch. What is older than an hour is read again in the background. */
  read(): { endpoint: string; at: number }[] {
    const now = this.#clock.monotonic();
    if (now - this.#readAt >= GOOD_MS) {
      this.#readAt = now;
      for (const { name, url } of this.#urls) this.#check(name, url);
    }
    return [...this.#known].map(([endpoint, at]) => ({ endpoint, at }));
  }

  #check(name: string, { hostname, port }: URL): void {
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const socket = connect({
      host,
      port: Number(port || 443),
      // An address is no server name.
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      // Whoever made it: nothing is sent, and one that has expired is what is looked for.
      rejectUnauthorized: false,
      timeout: LIMIT_MS,
    });
    const forget = () => this.#known.delete(name);
    socket.once("timeout", () => socket.destroy(new Error(`no answer within ${LIMIT_MS} ms`)));
    socket.on("error", forget);
    socket.once("secureConnect", () => {
      const expires = Date.parse(socket.getPeerCertificate().valid_to);
      if (!Number.isNaN(expires)) this.#known.set(name, expires / 1000);
      // What comes of the end says nothing. It is one that the server need not take for a fault.
      socket.off("error", forget).on("error", () => {});
      socket.end();
    });
    socket.unref();
  }
}
