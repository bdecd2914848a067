const BRANCH = "refs/heads/";
const TAG = "refs/tags/";

/** The ref of the branch with this name. */
export function branchRef(name: string): string {
  return `${BRANCH}${name}`;
}

export function isBranch(ref: string): boolean {
  return ref.startsWith(BRANCH);
}

/** The name of a branch's or tag's ref; other text stays as it is. */
export function nameOfRef(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, "");
}

/** The refs that may have this ref's name: of the branch, and of the tag. */
export function refsOfName(ref: string): [branch: string, tag: string] {
  return [branchRef(nameOfRef(ref)), `${TAG}${nameOfRef(ref)}`];
}

/** Whether one of the patterns matches the whole ref: `*` matches within a segment, `**` across segments. */
export function matchesRef(patterns: readonly string[], ref: string): boolean {
  return patterns.some((pattern) => regExpOf(pattern).test(ref));
}

/** The names of the branches that patterns name exactly. */
export function exactBranches(patterns: readonly string[]): string[] {
  return patterns.filter((pattern) => isBranch(pattern) && !pattern.includes("*")).map(nameOfRef);
}

/** The only branch that these targets deploy, by which GitHub may filter runs; null if others count too. */
export function onlyBranch(targets: readonly { refs: readonly string[] }[]): string | null {
  const refs = [...new Set(targets.flatMap((target) => target.refs))];
  const [branch = null] = exactBranches(refs);
  return refs.length === 1 ? branch : null;
}

/** What Git allows in no ref. `?` and `[` can only be meant as patterns that do not exist here. */
const NEVER_IN_A_REF = /[\s\p{Cc}?[\\^~:]|\.\.|@\{|\/\/|\/\.|\.lock(\/|$)|[./]$|\*{3}/u;

/** Whether this is a full ref, or a pattern of full refs. */
export function isRefPattern(text: string): boolean {
  return text.startsWith("refs/") && !NEVER_IN_A_REF.test(text);
}

/** Whether the pattern can match the ref of a branch or a tag. */
export function canMatchRun(pattern: string): boolean {
  const [, kind = "", ...name] = pattern.split("/");
  if (kind.includes("**")) return true;
  return name.length > 0 && ["heads", "tags"].some((one) => regExpOf(kind).test(one));
}

function regExpOf(pattern: string): RegExp {
  const parts = pattern
    .split(/(\*+)/)
    .map((part) =>
      part === "*" ? "[^/]*" : part === "**" ? ".*" : part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"),
    );
  return new RegExp(`^${parts.join("")}$`, "su");
}
