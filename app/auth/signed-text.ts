import type { JWTPayload } from "jose";
import { JOSEError } from "jose/errors";
import { SignJWT } from "jose/jwt/sign";
import { jwtVerify } from "jose/jwt/verify";
import type { Clock } from "../clock.ts";

/** Signs what a browser is to keep. `type` keeps a text made for one use from serving another; it is over at `expiresAt` (ms). */
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

/** What such a text says, or null where it was forged, changed, made for another use, or is over. */
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
