import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";

/** The version of the protocol between instances. */
export const PEER_PROTOCOL = 1;

/** The key that only instances of one App share, made from the App's private key. */
export function peerKey(privateKey: string): Buffer {
  return Buffer.from(hkdfSync("sha256", privateKey, "", "twinhook/peer/1", 32));
}

export interface Hello {
  type: "hello";
  version: number;
  from: string;
  to: string;
  nonce: string;
}

/** The called instance proves itself first, and sends a nonce for the caller's proof. */
export interface Challenge {
  type: "challenge";
  nonce: string;
  proof: string;
}

export interface Proof {
  type: "proof";
  proof: string;
}

export function newNonce(): string {
  return randomBytes(24).toString("base64url");
}

/**
 * The proof of one side: an HMAC over both nonces, both names, the version and the side. So no proof can be replayed
 * in another conversation, or by the other side.
 */
export function prove(key: Buffer, side: "caller" | "called", hello: Hello, challengeNonce: string): string {
  const said = JSON.stringify([side, hello.version, hello.from, hello.to, hello.nonce, challengeNonce]);
  return createHmac("sha256", key).update(said).digest("base64url");
}

/** Compares two proofs in constant time. */
export function sameProof(a: unknown, b: string): boolean {
  if (typeof a !== "string") return false;
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
