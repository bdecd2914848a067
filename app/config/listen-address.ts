/** Splits `HOST:PORT`; an IPv6 host stands in brackets. */
export function parseListen(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(":");
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host: host.toLowerCase(), port: Number(listen.slice(colon + 1)) };
}

const EVERY_ADDRESS = ["0.0.0.0", "::"];

/** The URL by which another process of the same host reaches an instance, past any proxy. */
export function localUrl({ listen, tls }: { listen: string; tls?: unknown }): string {
  const { host, port } = parseListen(listen);
  const near = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${tls ? "https" : "http"}://${near.includes(":") ? `[${near}]` : near}:${port}`;
}

/**
 * Whether two processes of one host cannot both listen on these addresses, even if they are written
 * differently.
 */
export function listenClash(a: string, b: string): boolean {
  const [one, two] = [parseListen(a), parseListen(b)];
  if (one.port !== two.port) return false;
  const hosts = [one.host, two.host];
  if (one.host === two.host || hosts.some((host) => EVERY_ADDRESS.includes(host))) return true;
  return hosts.includes("localhost") && hosts.some((host) => host === "127.0.0.1" || host === "::1");
}
