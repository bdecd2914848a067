import type { JWTPayload } from "jose";
import { JOSEError } from "jose/errors";
import { SignJWT } from "jose/jwt/sign";
import { jwtVerify } from "jose/jwt/verify";
import type { Clock } from "../clock.ts";

/**
 * Signs a text for a browser to keep. `type` keeps a text made for one use from serving another; the text
 * expires at `expiresAt` (ms).
 */
export function signText(
  key: Uint8Array,
  type: string,
  claims: JWTPayload,
  expiresAt: number,
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: type })
    .setExpirationTime(Math.floor(expiresAt / 1000))
    .sign(key);
}

/**
 * The claims of a signed text. Returns null for a forged, changed or expired text, or one of another type.
 */
export async function readSignedText(
  key: Uint8Array,
  type: string,
  text: string,
  clock: Clock,
): Promise<JWTPayload | null> {
  try {
    const options = {
      algorithms: ["HS256"],
      typ: type,
      currentDate: new Date(clock.now()),
      requiredClaims: ["exp"],
    };
    return (await jwtVerify(text, key, options)).payload;
  } catch (error) {
    if (error instanceof JOSEError) return null;
    throw error;
  }
}
