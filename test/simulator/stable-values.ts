import { createHash } from "node:crypto";

/** A number of eight digits for a name. It is the same in every process, so that separate payloads agree. */
export function stableId(name: string): number {
  return 10_000_000 + (createHash("sha256").update(name).digest().readUInt32BE(0) % 89_999_999);
}

/** A commit id (40 hexadecimal digits) for a text. */
export function stableSha(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

/** GitHub's node id in its older, readable form: base64 of the type's length, the type and the id. */
export function nodeId(type: string, id: number | bigint): string {
  return Buffer.from(`${String(type.length).padStart(3, "0")}:${type}${id}`).toString("base64");
}

/** A time as GitHub writes it: UTC, whole seconds. */
export function isoSeconds(at: number | Date): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
