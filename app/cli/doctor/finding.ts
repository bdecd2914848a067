/** What a check found, and how to mend it. */
export interface Finding {
  /** The thing that was checked, such as `store` or `url of primary`. */
  check: string;
  status: "ok" | "warning" | "failed";
  found: string;
  /** What to do; null where nothing is wrong. */
  remedy: string | null;
}

export function ok(check: string, found: string): Finding {
  return { check, status: "ok", found, remedy: null };
}

/** Works, but not as well as it should. */
export function warning(check: string, found: string, remedy: string): Finding {
  return { check, status: "warning", found, remedy };
}

/** Does not work, or will not when it is needed. */
export function failed(check: string, found: string, remedy: string): Finding {
  return { check, status: "failed", found, remedy };
}
