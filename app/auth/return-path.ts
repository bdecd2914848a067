/** The page of this App that a person wanted before signing in. Returns `/` for any other address. */
export function returnPath(wanted: string | undefined): string {
  const here = "http://here.invalid";
  if (wanted === undefined || !wanted.startsWith("/") || !URL.canParse(wanted, here)) return "/";
  const { origin, pathname, search } = new URL(wanted, here);
  // A path that begins with two slashes names another host, however it is written.
  return origin === here && !pathname.startsWith("//") ? pathname + search : "/";
}
