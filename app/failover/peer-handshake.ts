import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";

/** The version of what instances say to each other. */
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

/** The one that was called proves itself first, and asks for the caller's proof by a nonce of its own. */
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
 * The proof of one side: an HMAC over both nonces, both names, the version and the side, so that no message of
 * one conversation, or of one side, can be used in another.
 */
export function prove(key: Buffer, side: "caller" | "called", hello: Hello, challengeNonce: string): string {
  const said = JSON.stringify([side, hello.version, hello.from, hello.to, hello.nonce, challengeNonce]);
  return createHmac("sha256", key).update(said).digest("base64url");
}

/** Compares two proofs without telling by the time it takes where they differ. */
export function sameProof(a: unknown, b: string): boolean {
  if (typeof a !== "string") return false;
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
