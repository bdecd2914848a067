import { randomUUID, timingSafeEqual } from "node:crypto";
import { Webhook } from "standardwebhooks";

/** The shortest key that a delivery secret may hold, in bytes. */
export const MIN_SECRET_BYTES = 24;

/**
 * Checks a delivery secret: `whsec_` and at least 24 bytes in base64 (Standard Webhooks).
 * @throws {RangeError} with the problem, without the secret itself.
 */
export function assertDeliverySecret(secret: string): void {
  const match = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret);
  if (!match) throw new RangeError("expected whsec_ followed by base64 (openssl rand -base64 32 makes one)");
  const bytes = Buffer.from(match[1] as string, "base64").length;
  if (bytes < MIN_SECRET_BYTES)
    throw new RangeError(`expected at least ${MIN_SECRET_BYTES} bytes of base64 after whsec_, got ${bytes}`);
}

/**
 * The Standard Webhooks headers for a request with this body (the empty string for a GET).
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signDelivery(
  secret: string,
  body: string,
  { id = `msg_${randomUUID()}`, now = new Date() }: { id?: string; now?: Date } = {},
): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, now, body),
  };
}

/**
 * Checks that the headers carry a valid signature of `body` under `secret`, at most 5 minutes old or early.
 * Returns null, or the reason.
 */
export function checkDelivery(secret: string, body: string, headers: Record<string, string>): string | null {
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** How old or early a signature may be: the tolerance of Standard Webhooks. */
const TOLERANCE_MS = 5 * 60_000;

/**
 * Whether the headers carry a signature of `body` under `secret` that was valid at a time in the past (ms).
 */
export function wasSigned(
  secret: string,
  body: string,
  headers: Record<string, string>,
  at: number,
): boolean {
  const {
    "webhook-id": id = "",
    "webhook-timestamp": written = "",
    "webhook-signature": list = "",
  } = headers;
  const signedAt = /^\d{1,12}$/.test(written) ? Number(written) * 1_000 : Number.NaN;
  if (!(Math.abs(signedAt - at) <= TOLERANCE_MS)) return false;
  const expected = Buffer.from(
    signDelivery(secret, body, { id, now: new Date(signedAt) })["webhook-signature"] ?? "",
  );
  return list.split(" ").some((one) => {
    const given = Buffer.from(one);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
