import type { MiddlewareHandler } from "hono";

/** Where pages may send forms and open sockets to, beside the place that they came from. */
export interface Allowed {
  /** Origins of the other instances, such as `https://deploy.example.com:9001`. */
  origins: readonly string[];
  /** Whether a form may lead on to GitHub (a browser holds a redirection to be part of the form). */
  forms?: readonly string[];
}

/**
 * The headers of every page. A page loads nothing from elsewhere, runs no script that stands in it, and cannot be
 * framed; whatever foreign text might smuggle in, the browser does not run it.
 */
export function pageHeaders(allowed: Allowed): MiddlewareHandler {
  const policy = contentSecurityPolicy(allowed);
  return async (c, next) => {
    await next();
    if (!c.res.headers.get("content-type")?.startsWith("text/html")) return;
    // A page that leads on to elsewhere has a policy of its own.
    if (!c.res.headers.has("content-security-policy")) c.header("content-security-policy", policy);
    if (!c.res.headers.has("referrer-policy")) c.header("referrer-policy", "same-origin");
    c.header("x-content-type-options", "nosniff");
    c.header("cross-origin-opener-policy", "same-origin");
    // What a page shows is for the person who is signed in, and of this moment.
    c.header("cache-control", "no-store");
  };
}

/** What the browser is to let a page do, and nothing else. */
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
