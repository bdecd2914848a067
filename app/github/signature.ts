import type { Probot } from "probot";

/** Whether `signature` (`sha256=…`) is that of `body` under one of the webhook's secrets. */
export type SignatureCheck = (body: string, signature: string) => Promise<boolean>;

/**
 * Checks signatures with every App given: one per secret that is accepted, the current first. During a
 * rotation of the secret that is two.
 */
export function signatureCheck(apps: readonly Probot[]): SignatureCheck {
  return async (body, signature) => {
    // Nothing that GitHub sends is empty, and the check throws at it.
    if (body === "") return false;
    for (const app of apps) if (await app.webhooks.verify(body, signature)) return true;
    return false;
  };
}
