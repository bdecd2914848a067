import dns from "node:dns";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import type { Clock } from "../clock.ts";
import { isLinkLocal } from "../config/checks/site-url.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { DeploymentRecord } from "../store/schema.ts";

/** The limit for one request, with its redirects. */
const REQUEST_MS = 5_000;
const MAX_REDIRECTS = 5;
/** How much of a page is searched. */
const MAX_BYTES = 1024 * 1024;
const SHORT_SHA = 7;

export type Verify = NonNullable<TargetConfig["verify"]>;

interface Answer {
  status: number;
  location: string | undefined;
  body: string;
}

/**
 * Asks a site until it shows the deployment, or `within` is over. `onAnswer` hears each new answer. Returns null where the
 * site shows it, else its last answer in words. Once `signal` aborts, it returns soon, and the result means nothing.
 */
export async function verifySite(options: {
  verify: Verify;
  deployment: Pick<DeploymentRecord, "sha" | "run_id">;
  clock: Clock;
  signal: AbortSignal;
  onAnswer: (answer: string) => void;
}): Promise<string | null> {
  const { verify, deployment, clock, signal, onAnswer } = options;
  const text = verify.body === null ? null : expectedText(verify.body, deployment);
  const until = clock.monotonic() + verify.within;
  for (let last: string | null = null; ; ) {
    const fault = await ask(new URL(verify.url), { status: verify.status, text, signal });
    if (fault === null) return null;
    const left = until - clock.monotonic();
    if (left <= 0 || signal.aborted) return fault;
    if (fault !== last) onAnswer(fault);
    last = fault;
    await clock.sleep(Math.min(verify.interval, left), signal).catch(() => {});
  }
}

/** The text that the site must show for a deployment. */
function expectedText(body: string, { sha, run_id }: Pick<DeploymentRecord, "sha" | "run_id">): string {
  const values: Record<string, string> = {
    "{sha}": sha,
    "{short_sha}": sha.slice(0, SHORT_SHA),
    "{run_id}": String(run_id ?? ""),
  };
  return body.replace(/\{(?:sha|short_sha|run_id)\}/g, (name) => values[name] as string);
}

/** The answer in words where it is not the wanted one; else null. */
async function ask(
  url: URL,
  wanted: { status: number; text: string | null; signal: AbortSignal },
): Promise<string | null> {
  const limit = AbortSignal.timeout(REQUEST_MS);
  const signal = AbortSignal.any([wanted.signal, limit]);
  try {
    for (let at = url, redirects = 0; ; redirects++) {
      const { status, location, body } = await get(at, signal);
      if (status === wanted.status)
        return wanted.text === null || body.includes(wanted.text)
          ? null
          : `${status} without ${JSON.stringify(wanted.text)}`;
      if (status < 300 || status > 399 || location === undefined) return String(status);
      const next = URL.parse(location, at.href);
      if (next?.origin !== url.origin)
        return `${status}, a redirect to another host or port, which is not followed`;
      if (redirects === MAX_REDIRECTS) return `with more than ${MAX_REDIRECTS} redirects`;
      at = next;
    }
  } catch (error) {
    if (limit.aborted) return `nothing within ${REQUEST_MS / 1000} s`;
    const { code, message } = error as NodeJS.ErrnoException;
    return `nothing (${code ?? message})`;
  }
}

function get(url: URL, signal: AbortSignal): Promise<Answer> {
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const headers = { "user-agent": "twinhook", "cache-control": "no-cache" };
    const asked = request(url, { signal, headers, lookup: lookupSite, agent: false }, async (response) => {
      try {
        const parts: Buffer[] = [];
        let size = 0;
        for await (const part of response as AsyncIterable<Buffer>) {
          parts.push(part);
          size += part.length;
          if (size >= MAX_BYTES) break;
        }
        const body = Buffer.concat(parts).toString();
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body });
      } catch (error) {
        reject(error);
      }
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** Looks up a name, and refuses it where one of its addresses is link-local. */
const lookupSite: LookupFunction = (host, options, callback) => {
  dns.lookup(host, options, (error, found, family) => {
    const addresses = [found ?? []].flat().map((one) => (typeof one === "string" ? one : one.address));
    const refused = addresses.find(isLinkLocal);
    const fault = refused === undefined ? error : new Error(`${host} has the link-local address ${refused}`);
    callback(fault, found, family);
  });
};
