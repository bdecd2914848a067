import { createHmac, hkdfSync } from "node:crypto";

/**
 * Derives the key that signs sessions from the App's private key. So every instance has it without
 * configuration. A new private key ends every session.
 */
export function sessionKey(privateKey: string): Buffer {
  return Buffer.from(hkdfSync("sha256", privateKey, "", "twinhook/session/1", 32));
}

/**
 * A text that only holders of the key can make. `purpose` keeps a text made for one use from serving another.
 */
export function keyed(key: Buffer, purpose: string, text: string): string {
  return createHmac("sha256", key)
    .update(JSON.stringify([purpose, text]))
    .digest("base64url");
}
