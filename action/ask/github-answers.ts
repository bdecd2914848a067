/**
 * The fields that the Action reads of a GitHub Deployment. Every answer is checked, since something other
 * than GitHub may send it.
 */
export interface GitHubDeployment {
  id: string;
  sha: string;
  /** In milliseconds since 1970, by GitHub's clock. */
  createdAt: number;
  /** The part of its payload for Twinhook; empty when there is none. */
  payload: Record<string, unknown>;
}

/** Reads a GitHub Deployment, or returns null when the value is none. */
export function readDeployment(value: unknown): GitHubDeployment | null {
  const { id, sha, created_at, payload } = readPayload(value);
  // Large ids come as BigInt.
  if (!/^[1-9]\d*$/.test(String(id)) || typeof sha !== "string") return null;
  const createdAt = typeof created_at === "string" ? Date.parse(created_at) : Number.NaN;
  const ours = readPayload(parsed(payload)).twinhook;
  return {
    id: String(id),
    sha,
    createdAt: Number.isNaN(createdAt) ? 0 : createdAt,
    payload: readPayload(ours),
  };
}

/** Returns a value as an object; an empty one when it is no object. */
export function readPayload(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** GitHub returns a payload as an object or, to some clients, as text. */
function parsed(payload: unknown): unknown {
  if (typeof payload !== "string") return payload;
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}
