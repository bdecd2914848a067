/** `not sent`: nothing of the request left, so it cannot have been carried out. */
type Group = "not sent" | "broken off";

interface Meaning {
  words: string;
  group: Group;
  /** What to look at. */
  where: "instance" | "name" | "certificate";
}

const notSent = (words: string, where: Meaning["where"] = "instance"): Meaning => ({
  words,
  group: "not sent",
  where,
});
const brokenOff = (words: string): Meaning => ({ words, group: "broken off", where: "instance" });
const NOT_TLS = notSent("TLS handshake failed (does this port speak https?)", "certificate");

/** The codes that say something, in our own words: the libraries' messages repeat path and query. */
const MEANINGS: Record<string, Meaning> = {
  ECONNREFUSED: notSent("connection refused"),
  EHOSTUNREACH: notSent("host unreachable"),
  ENETUNREACH: notSent("network unreachable"),
  EADDRNOTAVAIL: notSent("no local address available"),
  ENOTFOUND: notSent("host name not found", "name"),
  EAI_AGAIN: notSent("host name could not be looked up", "name"),
  EPROTO: NOT_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  CERT_HAS_EXPIRED: notSent("TLS certificate has expired", "certificate"),
  CERT_NOT_YET_VALID: notSent("TLS certificate is not valid yet", "certificate"),
  DEPTH_ZERO_SELF_SIGNED_CERT: notSent("TLS certificate is self-signed", "certificate"),
  SELF_SIGNED_CERT_IN_CHAIN: notSent("TLS certificate chain holds a self-signed certificate", "certificate"),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: notSent("TLS certificate chain is incomplete", "certificate"),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: notSent("TLS certificate is from an unknown authority", "certificate"),
  ERR_TLS_CERT_ALTNAME_INVALID: notSent("TLS certificate is for another host name", "certificate"),
  ECONNRESET: brokenOff("connection broken off before the answer was complete"),
  EPIPE: brokenOff("connection closed while sending"),
  ETIMEDOUT: brokenOff("connection timed out"),
};

/** The code of a network error, looked up in its causes too; `UNKNOWN` when none has one. */
export function networkCode(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; depth += 1) {
    const { code, errors } = at as Error & { code?: unknown; errors?: unknown };
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]{1,60}$/.test(code)) return code;
    at = at.cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return "UNKNOWN";
}

/** A sentence fragment for the code of a network error, free of path, query and secrets. */
export function networkCause(code: string): string {
  if (code.startsWith("HPE_")) return `the answer was not HTTP (${code})`;
  return `${MEANINGS[code]?.words ?? "network error"} (${code})`;
}

/** Whether a request that ended with this code may have been carried out all the same. */
export function mayHaveBeenSent(code: string): boolean {
  return MEANINGS[code]?.group !== "not sent";
}

/** What to look at first after this code; the instance itself when the code says nothing special. */
export function whereToLook(code: string): Meaning["where"] {
  return MEANINGS[code]?.where ?? "instance";
}
