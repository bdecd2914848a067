import { BlockList, isIP } from "node:net";

const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet("169.254.0.0", 16);
LINK_LOCAL.addSubnet("fe80::", 10, "ipv6");

/** Whether an address is link-local. Clouds give out credentials of the host at such addresses. */
export function isLinkLocal(address: string): boolean {
  const [plain = ""] = address.replace(/^\[|\]$/g, "").split("%");
  const family = isIP(plain);
  return family !== 0 && LINK_LOCAL.check(plain, family === 6 ? "ipv6" : "ipv4");
}

/** Why `verify` may not ask this URL; null where it may. */
export function siteUrlFault(text: string): { expected: string; remedy: string } | null {
  const remedy = "write the site's own URL, such as https://example.com/version";
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return { expected: "an http:// or https:// URL", remedy };
  if (url.username || url.password)
    return {
      expected: "a URL without user name and password",
      remedy: "offer the version without signing in",
    };
  return isLinkLocal(url.hostname) ? { expected: "a URL whose address is not link-local", remedy } : null;
}
