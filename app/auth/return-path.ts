/** The page of ours that someone wanted before they had to sign in; `/` for anything that leads elsewhere. */
export function returnPath(wanted: string | undefined): string {
  const here = "http://here.invalid";
  if (wanted === undefined || !wanted.startsWith("/") || !URL.canParse(wanted, here)) return "/";
  const { origin, pathname, search } = new URL(wanted, here);
  // A path that begins with two slashes names another host, in whatever way it is written.
  return origin === here && !pathname.startsWith("//") ? pathname + search : "/";
}
