/** The last complete scan of a list at GitHub: the delivery log, or the runs of a target. */
export interface LookRow {
  name: string;
  /** When the last completed scan began; null before the first. */
  completed_at: number | null;
  /**
   * Totals since the store was made: missing requests that were found, and found requests that no newer run
   * overtook.
   */
  found: number;
  accepted: number;
}

/** A place at GitHub that is scanned again and again, and the progress of its scan. */
export interface ScanRow {
  scan: string;
  place: string;
  /** When its last scan began; null before the first. */
  scanned_at: number | null;
  /** When GitHub last showed it, by GitHub's clock; null when it never did. */
  seen_at: number | null;
  /** How many scans events have asked for, and how many of these requests are done. */
  asked: number;
  served: number;
  /** The result of its last scan, and the error of the scans since; null for none. */
  result: string | null;
  trouble: string | null;
}

/** The repository behind a name in twinhook.yml. Another repository may take a name, but never an id. */
export interface RepositoryRow {
  /** `owner/name` in the configuration, in lower case. */
  name: string;
  /** GitHub's id of the repository that had the name first. */
  id: number;
  /** GitHub's present name of it. */
  full_name: string;
  /** The id of another repository that has taken the name; null where none has. */
  taken_by: number | null;
}

/** The recent content-creating calls of an account. */
export interface ContentCallsRow {
  /** The account's login in lower case. */
  account: string;
  /** JSON array of times, oldest first. */
  calls: string;
  /** The end of a pause that GitHub asked for, and how many pauses in a row it asked for. */
  paused_until: number;
  pauses: number;
}

/** A repository webhook that was made for an endpoint, to be removed with it. */
export interface RepositoryHookRow {
  /** GitHub's id of the webhook. */
  hook_id: number;
  repository: string;
}
