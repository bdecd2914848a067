import { hostname } from "node:os";
import { INSTANCE_HEADER } from "../../shared/instance-header.ts";
import { localUrl } from "../config/listen-address.ts";
import { CommandFailure, EXIT, NoInstanceError } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { configOf, tokenOf } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** How long an instance may take to say that it is there. */
const PROBE_LIMIT_MS = 3_000;
/** How long an answer may take: longer than the longest poll, which is 25 s. */
const ANSWER_LIMIT_MS = 40_000;

export interface Call {
  method?: "GET" | "POST" | "DELETE";
  body?: unknown;
  signal?: AbortSignal;
}

/** An instance that answers, as a command asks it. */
export interface Client {
  readonly url: string;
  /**
   * Asks for JSON.
   * @throws {CommandFailure} with the instance's own words, or when it answers no more.
   */
  ask<T>(path: string, call?: Call): Promise<T>;
  /** Asks for text that comes bit by bit, for as long as the signal lets it. */
  stream(path: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/**
 * Finds an instance that answers: the one that `--url` names, else the one of the configuration that is ready
 * first.
 * @throws {NoInstanceError} when none answers, {CommandFailure} without a token.
 */
export async function connect(terminal: Terminal, options: CommonOptions): Promise<Client> {
  const url = await answering(await addresses(terminal, options));
  const token = tokenOf(terminal, options);
  if (token === undefined)
    throw new CommandFailure(
      EXIT.notAllowed,
      "there is no admin token: set TWINHOOK_ADMIN_TOKEN in .env (`openssl rand -hex 32` makes one) and restart the instances, or give theirs by --token",
    );
  if (/^http:\/\/(?!localhost|127\.|\[::1\])/.test(url))
    terminal.note(`${url} is not encrypted: others on the network path can read the token; use https://`);
  return new HttpClient(url, token);
}

async function addresses(terminal: Terminal, { url }: CommonOptions): Promise<string[]> {
  if (url !== undefined) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url))
      throw new CommandFailure(
        EXIT.usage,
        `--url: expected the address of an instance, such as https://deploy.example.com:9000, got ${url}`,
      );
    return [url.replace(/\/+$/, "")];
  }
  const { instances } = await configOf(terminal);
  // Past the proxy where that is possible; a certificate names the public address.
  const near = instances
    .filter(({ host, tls }) => !tls && (host === undefined || host === hostname()))
    .map(localUrl);
  const found = [...new Set([...near, ...instances.map(({ url }) => url.replace(/\/+$/, ""))])];
  if (found.length === 0) throw new NoInstanceError(["twinhook.yml names none"]);
  return found;
}

/** The first address at which an instance says that it is ready; else one at which an instance answers at all. */
async function answering(urls: readonly string[]): Promise<string> {
  const found = new AbortController();
  const answers = urls.map((url) => probe(url, found.signal));
  try {
    return await Promise.any(
      answers.map(async (answer) => ((await answer).ready ? (await answer).url : none())),
    );
  } catch {
    const all = await Promise.all(answers);
    const alive = all.find(({ trouble }) => trouble === null);
    if (alive) return alive.url;
    throw new NoInstanceError(all.map(({ url, trouble }) => `${url}: ${trouble}`));
  } finally {
    found.abort();
  }
}

function none(): never {
  throw new Error("this one is not ready");
}

async function probe(url: string, signal: AbortSignal) {
  const limit = AbortSignal.timeout(PROBE_LIMIT_MS);
  try {
    const answer = await fetch(`${url}/readyz`, {
      redirect: "manual",
      signal: AbortSignal.any([limit, signal]),
    });
    await answer.body?.cancel();
    if (answer.headers.has(INSTANCE_HEADER)) return { url, ready: answer.ok, trouble: null };
    return { url, ready: false, trouble: `HTTP ${answer.status}, which is no instance's answer` };
  } catch (error) {
    const trouble = limit.aborted ? `no answer within ${PROBE_LIMIT_MS / 1000} s` : causeOf(error);
    return { url, ready: false, trouble };
  }
}

class HttpClient implements Client {
  readonly url: string;
  #token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.#token = token;
  }

  async ask<T>(path: string, call: Call = {}): Promise<T> {
    const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
    const signal = call.signal ? AbortSignal.any([limit, call.signal]) : limit;
    const answer = await this.#send(path, { ...call, signal });
    return (await this.#whole(() => answer.json(), call.signal)) as T;
  }

  async stream(path: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const answer = await this.#send(path, signal ? { signal } : {});
    return answer.body ?? (async function* () {})();
  }

  async #send(path: string, { method = "GET", body, signal }: Call): Promise<Response> {
    const answer = await this.#whole(
      () =>
        fetch(`${this.url}${path}`, {
          method,
          redirect: "manual",
          headers: {
            authorization: `Bearer ${this.#token}`,
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          ...(signal ? { signal } : {}),
        }),
      signal,
    );
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }

  /** Runs a part of an exchange; names the instance where it breaks off. */
  async #whole<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted && signal.reason?.name !== "TimeoutError") throw error;
      throw new CommandFailure(
        EXIT.unavailable,
        `${this.url} stopped answering (${causeOf(error)}); run the command again: another instance may answer`,
        { cause: error },
      );
    }
  }
}

/** Which exit code a refusal means. */
const REFUSALS: Record<number, number> = {
  400: EXIT.usage,
  401: EXIT.notAllowed,
  403: EXIT.notAllowed,
  422: EXIT.usage,
};

/** An instance's refusal: its words, and the HTTP status. */
export class Refusal extends CommandFailure {
  readonly status: number;
  constructor(status: number, message: string) {
    super(REFUSALS[status] ?? EXIT.failed, message);
    this.status = status;
  }
}

async function refusal(answer: Response): Promise<Refusal> {
  const text = await answer.text().catch(() => "");
  let detail = `HTTP ${answer.status}`;
  try {
    detail = (JSON.parse(text) as { detail?: string }).detail ?? detail;
  } catch {
    // A proxy's answer.
  }
  const remedy =
    answer.status === 401 ? "; give the TWINHOOK_ADMIN_TOKEN of the instances by .env or --token" : "";
  return new Refusal(answer.status, `${detail}${remedy}`);
}

function causeOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}
