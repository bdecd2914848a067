import { lookup } from "node:dns/promises";
import { BlockList, isIPv6 } from "node:net";
import { WEBHOOK_PATH } from "../../../shared/deployment-request.ts";
import { INSTANCE_HEADER } from "../../../shared/instance-header.ts";
import { COMMIT_LIMIT_MS } from "../../accept/acceptor.ts";
import { localInstances } from "../../config/checks/running-service.ts";
import { MAX_PAYLOAD_BYTES } from "../../http/webhook-entrance.ts";
import { type Exchange, exchange } from "./exchange.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";
import type { Patient } from "./patient.ts";

const DAY_MS = 86_400_000;
/** Let's Encrypt renews 30 days before the end: then something has gone wrong. */
const SOON_DAYS = 14;
/** How often a door is asked until every instance has answered. */
const DOOR_TRIES = 40;

/** A public URL, and the instances that may answer there. */
interface Endpoint {
  check: string;
  url: string;
  names: readonly string[];
  /** Where a proxy is to pass its requests. */
  listen: string;
}

/** Each public URL, as GitHub sees it. */
export async function checkEndpoints(patient: Patient): Promise<Finding[]> {
  const { instances, door } = patient.config;
  const endpoints: Endpoint[] = instances.map(({ name, url, listen }) => ({
    ...{ check: `URL of ${name}`, url, listen, names: [name] },
  }));
  if (door)
    endpoints.push({
      ...{ check: "URL of the door", url: door.url, listen: door.listen },
      names: localInstances(patient.config).map(({ name }) => name),
    });
  const findings = await Promise.all(endpoints.map((endpoint) => checkEndpoint(endpoint, patient)));
  return findings.flat();
}

async function checkEndpoint(endpoint: Endpoint, patient: Patient): Promise<Finding[]> {
  const { check, url, names } = endpoint;
  const address = await checkAddress(endpoint, patient);
  if (address) return [address];
  let answer: Exchange;
  try {
    answer = await exchange(`${url}/readyz`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return [failed(check, `${url} does not answer (${code ?? message})`, remedyOf(code, endpoint))];
  }
  const certificate = checkCertificate(endpoint, answer, patient);
  if (certificate?.status === "failed") return [certificate];
  const rest = [certificate, checkAnswer(endpoint, answer)].filter((finding) => finding !== null);
  if (rest.some(({ status }) => status === "failed")) return rest;
  rest.push(...(await checkBodyLimit(endpoint)), ...(await checkPatience(endpoint, patient)));
  if (names.length > 1) rest.push(...(await checkDoor(endpoint)));
  return rest;
}

/** Addresses that only the network itself can reach. */
const PRIVATE = new BlockList();
for (const [net, bits] of [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const)
  PRIVATE.addSubnet(net, bits);
PRIVATE.addAddress("::1", "ipv6");
PRIVATE.addSubnet("fc00::", 7, "ipv6");
PRIVATE.addSubnet("fe80::", 10, "ipv6");

async function checkAddress({ check, url }: Endpoint, { config }: Patient): Promise<Finding | null> {
  const name = new URL(url).hostname.replace(/^\[|\]$/g, "");
  let addresses: string[];
  try {
    addresses = (await lookup(name, { all: true })).map(({ address }) => address);
  } catch (error) {
    return failed(
      check,
      `the name ${name} has no address (${(error as NodeJS.ErrnoException).code})`,
      `add a record for ${name} at your DNS provider, or correct url in twinhook.yml`,
    );
  }
  // A GitHub of one's own may be in the same network.
  const isPublic = config.environment.githubApiUrl === "https://api.github.com";
  if (isPublic && addresses.every((one) => PRIVATE.check(one, isIPv6(one) ? "ipv6" : "ipv4")))
    return failed(
      check,
      `GitHub cannot reach ${addresses.join(", ")}, the address of ${name}`,
      "name the server's public address, and let a proxy pass it on",
    );
  return null;
}

function remedyOf(code: string | undefined, { listen, url }: Endpoint): string {
  if (code === "ETIMEDOUT") return `open the port of ${url} in the firewall`;
  if (code === "EPROTO" || code?.startsWith("ERR_SSL"))
    return "serve TLS there (the proxy's, or tls: {cert, key}), or write http:// in url";
  return `start the instance and the proxy that passes ${url} on to ${listen}`;
}

function checkCertificate(
  { check, url }: Endpoint,
  { certificate }: Exchange,
  { machine }: Patient,
): Finding | null {
  if (!certificate) return null;
  const days = Math.floor((certificate.expires - machine.now()) / DAY_MS);
  const renew = "renew it (certbot renew, or restart Caddy), and let the proxy load it";
  if (days < 0) return failed(check, `the certificate of ${url} expired ${-days} days ago`, renew);
  if (certificate.problem !== null)
    return failed(
      check,
      `GitHub refuses the certificate of ${url} (${certificate.problem})`,
      "serve the whole chain (fullchain.pem) of a public authority, for this host name",
    );
  if (days < SOON_DAYS) return warning(check, `the certificate of ${url} expires in ${days} days`, renew);
  return ok(check, `the certificate is good for ${days} days`);
}

/** Who answers: the right instance, another one, or something before it. */
function checkAnswer({ check, url, names, listen }: Endpoint, { status, headers, text }: Exchange): Finding {
  const by = headers[INSTANCE_HEADER.toLowerCase()];
  const pass = `let the proxy pass ${url} on to ${listen}`;
  if (by === undefined) {
    if (status >= 300 && status < 400)
      return failed(
        check,
        `${url} redirects to ${headers.location}, and GitHub follows no redirect`,
        `write the URL it redirects to in twinhook.yml, or ${pass}`,
      );
    if (status === 401 || status === 403)
      return failed(
        check,
        `something before the instance refuses the request (HTTP ${status})`,
        "let GitHub in without a sign-in: instances check its signature",
      );
    if (status >= 502 && status <= 504)
      return failed(
        check,
        `the proxy at ${url} reaches no instance (HTTP ${status})`,
        `start the instance, and ${pass}`,
      );
    return failed(check, `another program answers at ${url} (HTTP ${status})`, pass);
  }
  if (!names.includes(String(by)))
    return failed(check, `${url} leads to the instance ${by}, not to ${names.join(" or ")}`, pass);
  if (status !== 200)
    return failed(
      check,
      `${by} is not ready: ${detailOf(text) ?? `HTTP ${status}`}`,
      "its log says more (journalctl -u twinhook)",
    );
  return ok(check, `${by} answers at ${url}`);
}

function detailOf(text: string): string | undefined {
  try {
    const { detail, status } = JSON.parse(text) as { detail?: string; status?: string };
    return detail ?? status;
  } catch {
    return undefined;
  }
}

/** GitHub sends up to 25 MB. The size is announced, and no byte of it is sent. */
async function checkBodyLimit({ check, url }: Endpoint): Promise<Finding[]> {
  const { status, headers } = await exchange(`${url}${WEBHOOK_PATH}`, { announce: MAX_PAYLOAD_BYTES }).catch(
    () => ({ status: 0, headers: {} as Exchange["headers"] }),
  );
  if (status !== 413 || headers[INSTANCE_HEADER.toLowerCase()] !== undefined) return [];
  return [
    failed(
      check,
      `the proxy at ${url} refuses events as large as GitHub sends (HTTP 413 for 25 MB)`,
      "raise its limit: client_max_body_size 25m; in nginx",
    ),
  ];
}

/** An event waits for its commit, and a poll for a change: a proxy must not give up before. */
async function checkPatience({ check, url }: Endpoint, { machine }: Patient): Promise<Finding[]> {
  const { pollSeconds } = machine;
  const began = machine.now();
  const how = await exchange(`${url}/livez?wait=${pollSeconds}`, { slowMs: pollSeconds * 1_000 }).then(
    ({ status, headers }) => (headers[INSTANCE_HEADER.toLowerCase()] === undefined ? `HTTP ${status}` : null),
    ({ code, message }: NodeJS.ErrnoException) => code ?? message,
  );
  if (how === null) return [];
  const seconds = Math.round((machine.now() - began) / 1_000);
  const verdict = seconds * 1_000 > COMMIT_LIMIT_MS ? warning : failed;
  return [
    verdict(
      check,
      `the proxy at ${url} gives up after ${seconds} s (${how}): an event may take ${COMMIT_LIMIT_MS / 1_000} s, and a poll ${pollSeconds} s`,
      "let it wait longer: proxy_read_timeout 60s; in nginx, timeout server 60s in HAProxy",
    ),
  ];
}

/** Connections to a door are spread over the instances, so each must answer in time. */
async function checkDoor({ check, url, names }: Endpoint): Promise<Finding[]> {
  const heard = new Set<string>();
  for (let tries = 0; tries < DOOR_TRIES && heard.size < names.length; tries++) {
    const answer = await exchange(`${url}/livez`).catch(() => undefined);
    const by = answer?.headers[INSTANCE_HEADER.toLowerCase()];
    if (typeof by === "string") heard.add(by);
  }
  const silent = names.filter((name) => !heard.has(name));
  if (silent.length === 0) return [ok(check, `${names.join(" and ")} answer there`)];
  return [
    warning(
      check,
      `only ${[...heard].join(", ")} answered at ${url} in ${DOOR_TRIES} requests; ${silent.join(", ")} did not`,
      "start it; where it runs, let the proxy open a connection for each request (in Caddy: keepalive off)",
    ),
  ];
}
