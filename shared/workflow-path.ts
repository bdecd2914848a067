/**
 * The path of a workflow's file. GitHub appends `@` and the ref to it in some events; a file's name and a ref may
 * contain `@` too.
 */
export function withoutRef(path: string): string {
  return path.replace(/(\.ya?ml)@.*$/, "$1");
}
