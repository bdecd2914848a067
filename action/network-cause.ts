interface Meaning {
  words: string;
  /** The part to check first. */
  where: "instance" | "name" | "certificate" | "proxy";
}

/** The code of a request whose proxy made no connection; the library uses the code of a reset. */
const NO_TUNNEL = "TWINHOOK_NO_TUNNEL";

const means = (words: string, where: Meaning["where"] = "instance"): Meaning => ({ words, where });
const NOT_TLS = means("TLS handshake failed (does this port speak https?)", "certificate");

/** Explains the known codes in the Action's own words: the libraries' messages repeat path and query. */
const MEANINGS: Record<string, Meaning> = {
  ECONNREFUSED: means("connection refused"),
  EHOSTUNREACH: means("host unreachable"),
  ENETUNREACH: means("network unreachable"),
  EADDRNOTAVAIL: means("no local address available"),
  ENOTFOUND: means("host name not found", "name"),
  EAI_AGAIN: means("host name could not be looked up", "name"),
  EPROTO: NOT_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  CERT_HAS_EXPIRED: means("TLS certificate has expired", "certificate"),
  CERT_NOT_YET_VALID: means("TLS certificate is not valid yet", "certificate"),
  DEPTH_ZERO_SELF_SIGNED_CERT: means("TLS certificate is self-signed", "certificate"),
  SELF_SIGNED_CERT_IN_CHAIN: means("TLS certificate chain holds a self-signed certificate", "certificate"),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: means("TLS certificate chain is incomplete", "certificate"),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: means("TLS certificate is from an unknown authority", "certificate"),
  ERR_TLS_CERT_ALTNAME_INVALID: means("TLS certificate is for another host name", "certificate"),
  ECONNRESET: means("connection broken off before the answer was complete"),
  EPIPE: means("connection closed while sending"),
  ETIMEDOUT: means("connection timed out"),
  [NO_TUNNEL]: means("the proxy made no connection", "proxy"),
};

/** The code of a network error, also from its causes; `UNKNOWN` when none has one. */
export function networkCode(error: unknown): string {
  // The tunnel library marks its errors only by their message.
  if (error instanceof Error && error.message.startsWith("tunneling socket could not be established"))
    return NO_TUNNEL;
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

/** The part to check first after this code; the instance itself when the code says nothing special. */
export function whereToLook(code: string): Meaning["where"] {
  return MEANINGS[code]?.where ?? "instance";
}
