import type { Insertable } from "kysely";
import { canonicalJson, parseExact } from "../../shared/json-text.ts";
import { nameOfRef } from "../config/refs.ts";
import type { DeploymentRow } from "../store/schema.ts";
import type { Arrival, RunFacts } from "./arrival.ts";
import { isEvent } from "./run-source.ts";

/** How much of two payloads an error shows, starting shortly before they differ. */
const SHOWN = 60;
const SHOWN_BEFORE = 20;

/**
 * The canonical text of a payload, the same for equal values. No payload counts as null.
 * @throws {SyntaxError} when it is not JSON, {RangeError} when it is nested too deeply.
 */
export function canonicalPayload(payload: string | null): string {
  return canonicalJson(parseExact(payload ?? "null"));
}

/**
 * Compares an arrival with the deployment of its key. Returns the conflict in words, or null.
 * A key has a fingerprint: commit, ref and payload. An event names the commit alone, so the first request may
 * add a payload until the command has begun.
 */
export function findConflict(
  known: Insertable<DeploymentRow>,
  { source, payload, facts }: Pick<Arrival, "source" | "payload"> & { facts: RunFacts },
): string | null {
  const conflict = (what: string, remedy: string, ours: string, theirs: string) =>
    `another ${what} is on record for this run attempt; ${remedy}: ${known.id} has ${theirs}, this request has ${ours}`;
  if (known.sha !== facts.sha) return conflict("commit", "start a new run", facts.sha, known.sha);
  if (isEvent(source)) return null;
  const anyRef = source === "manual" && facts.ref === facts.sha;
  if (!isSameRef(known, facts) && !anyRef) return conflict("ref", "name two targets", facts.ref, known.ref);
  const ours = canonicalPayload(payload);
  const theirs = canonicalPayload(known.payload ?? null);
  if (ours === theirs) return null;
  const isAskedFor = !isEvent(known.source) || known.via_run_attempt != null;
  if (isAskedFor)
    return conflict("payload", "name two targets, or ask in one step", ...excerpts(ours, theirs));
  if (known.started_at == null) return null;
  return (
    `${known.id} began by the run's event, without this payload; ` +
    "ask in a job of the workflow that the target names, so that the request comes before the event"
  );
}

/** Whether the refs agree. Where only the name in one of them is known, the names must agree. */
export function isSameRef(
  known: Pick<Insertable<DeploymentRow>, "ref" | "ref_unproven">,
  { ref, refUnproven }: RunFacts,
): boolean {
  if (known.ref === ref) return true;
  return (known.ref_unproven != null || refUnproven === true) && nameOfRef(known.ref) === nameOfRef(ref);
}

function excerpts(a: string, b: string): [string, string] {
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  const from = Math.max(0, same - SHOWN_BEFORE);
  const excerpt = (text: string) =>
    (from > 0 ? "…" : "") + text.slice(from, from + SHOWN) + (text.length > from + SHOWN ? "…" : "");
  return [excerpt(a), excerpt(b)];
}
