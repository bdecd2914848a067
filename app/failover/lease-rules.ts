import type { LeaseRow } from "../store/schema.ts";
import { CONTROLLER_LEASE } from "./lease-row.ts";

/**
 * The rules of the controller's lease: pure functions on plain data, so that a model can drive them through all
 * interleavings.
 */

/** The process that asks for the lease. */
export interface Candidate {
  /** Unique for all time. */
  holder: string;
  instance: string;
  host: string;
}

/** The knowledge of one instance. All times are of its monotonic clock (ms). */
export interface LeaseView {
  /** Until when it may act as the controller. */
  heldUntil: number;
  /** The fencing token of the lease that it holds, or held last. */
  token: number;
  /** The lease as last read, and since when it is the same. */
  seen: { row: LeaseRow; since: number } | undefined;
}

/** Whether the instance may act as the controller at the time `now`. `isFenced` is asked last: it costs the most. */
export function isHeld(view: LeaseView, now: number, isFenced: () => boolean): boolean {
  return now < view.heldUntil && !isFenced();
}

/** When another holder's lease ends, unless it is renewed before. */
export function freeAt({ seen }: LeaseView, ttlMs: number): number {
  return (seen?.since ?? Number.NEGATIVE_INFINITY) + ttlMs;
}

/** The view after the lease was read. */
export function noteRow(view: LeaseView, row: LeaseRow | undefined, now: number): LeaseView {
  if (!row || isSame(view.seen?.row, row)) return view;
  return { ...view, seen: { row, since: now } };
}

export type Bid =
  /** Another instance holds the lease. */
  | { kind: "none" }
  /** Replace the row that was read, behind a fence against the holder `fenceOff`. */
  | { kind: "replace"; next: LeaseRow; renewing: boolean; fenceOff: LeaseRow | null };

/** Whether to replace the lease just read, and by which. */
export function bidFor(
  view: LeaseView,
  row: LeaseRow | undefined,
  by: {
    candidate: Candidate;
    ttlMs: number;
    now: number;
    isFenced: () => boolean;
    /** Whether the holder's process is proven to have ended. */
    isGone: (holder: LeaseRow) => boolean;
    /** Whether the holder stands still, and may be replaced behind a fence. */
    isStopped: (holder: LeaseRow) => boolean;
  },
): Bid {
  const mine = row?.holder === by.candidate.holder;
  const isRanOut = isSame(view.seen?.row, row) && by.now >= freeAt(view, by.ttlMs);
  const isFree = !row || mine || row.holder === null || isRanOut || by.isGone(row);
  if (!isFree && !by.isStopped(row)) return { kind: "none" };
  // A holder that renews too late gets a new token, since another instance may have acted in between.
  const renewing = mine && isHeld(view, by.now, by.isFenced);
  const next: LeaseRow = {
    name: CONTROLLER_LEASE,
    ...by.candidate,
    token: renewing ? row.token : (row?.token ?? 0) + 1,
    beat: (row?.beat ?? 0) + 1,
  };
  return { kind: "replace", next, renewing, fenceOff: isFree ? null : row };
}

/** The view after the lease was replaced by `next`. The time counts from before the instance asked. */
export function asWinner(
  view: LeaseView,
  next: LeaseRow,
  { askedAt, ttlMs, now }: { askedAt: number; ttlMs: number; now: number },
): LeaseView {
  return noteRow({ ...view, token: next.token, heldUntil: askedAt + ttlMs }, next, now);
}

function isSame(one: LeaseRow | undefined, other: LeaseRow | undefined): boolean {
  return one?.token === other?.token && one?.beat === other?.beat;
}
