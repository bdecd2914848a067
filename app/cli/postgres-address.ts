/** The address of a database without its password, to be shown: pg_dump asks for it, or reads ~/.pgpass. */
export function withoutPassword(address: string): string {
  const url = new URL(address);
  url.password = "";
  url.searchParams.delete("password");
  return url.href;
}
