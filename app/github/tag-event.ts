import { repositoryKey } from "../store/repository-key.ts";

/** A tag was made or removed. */
export interface TagEvent {
  /** The key of the repository. */
  repository: string;
  name: string;
  made: boolean;
}

/** Reads the payload of a `create` or `delete` event; null if it is not about a tag. */
export function readTagEvent(event: string, payload: unknown): TagEvent | null {
  if (event !== "create" && event !== "delete") return null;
  const { ref, ref_type, repository } = (payload ?? {}) as {
    ref?: unknown;
    ref_type?: unknown;
    repository?: { full_name?: unknown } | null;
  };
  const name = repository?.full_name;
  if (ref_type !== "tag" || typeof ref !== "string" || typeof name !== "string") return null;
  return { repository: repositoryKey(name), name: ref, made: event === "create" };
}
