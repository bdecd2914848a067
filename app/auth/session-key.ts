import { createHmac, hkdfSync } from "node:crypto";

/**
 * The key that signs sessions, made from the App's private key: every instance has it, and none must be configured.
 * Another private key ends every session.
 */
export function sessionKey(privateKey: string): Buffer {
  return Buffer.from(hkdfSync("sha256", privateKey, "", "twinhook/session/1", 32));
}

/** A text that only holders of the key can make; `purpose` keeps what is made for one use from serving another. */
export function keyed(key: Buffer, purpose: string, text: string): string {
  return createHmac("sha256", key)
    .update(JSON.stringify([purpose, text]))
    .digest("base64url");
}
