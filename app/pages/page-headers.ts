import type { MiddlewareHandler } from "hono";

/** Other origins to which pages may send forms and open sockets. */
export interface Allowed {
  /** Origins of the other instances, such as `https://deploy.example.com:9001`. */
  origins: readonly string[];
  /** Origins such as GitHub's to which a form may lead (browsers count a redirect as part of the form). */
  forms?: readonly string[];
}

/**
 * Sets the headers of every page. A page loads nothing from other origins, runs no inline script, and cannot
 * be framed. So the browser does not run anything that foreign text might smuggle in.
 */
export function pageHeaders(allowed: Allowed): MiddlewareHandler {
  const policy = contentSecurityPolicy(allowed);
  return async (c, next) => {
    await next();
    if (!c.res.headers.get("content-type")?.startsWith("text/html")) return;
    // A page that leads to another origin has a policy of its own.
    if (!c.res.headers.has("content-security-policy")) c.header("content-security-policy", policy);
    if (!c.res.headers.has("referrer-policy")) c.header("referrer-policy", "same-origin");
    c.header("x-content-type-options", "nosniff");
    c.header("cross-origin-opener-policy", "same-origin");
    // A page is for the signed-in viewer only, and soon out of date.
    c.header("cache-control", "no-store");
  };
}

/** The policy that tells the browser what a page may do. */
export function contentSecurityPolicy({ origins, forms = [] }: Allowed): string {
  const sockets = origins.map((origin) => origin.replace(/^http/, "ws"));
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    ["connect-src 'self'", ...sockets].join(" "),
    ["form-action 'self'", ...origins, ...forms].join(" "),
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; ");
}
