/** A message of `/live`. */
export interface Message {
  type: string;
  at: string;
  data: Record<string, unknown>;
}

export type State =
  | { kind: "connecting" }
  /** What the page shows is as it is now; `instance` is where it comes from. */
  | { kind: "live"; instance: string; own: boolean }
  /** What the page shows was so at `since` (ms), and may be otherwise by now. */
  | { kind: "old"; since: number; why?: string }
  | { kind: "signed-out" };

/** Beats come every second: silence for this long means that nobody is there any more. */
const SILENCE_MS = 5_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** How often a page that lives by a twin looks whether its own instance is back. */
const HOMECOMING_MS = 10_000;

/**
 * Stays connected: to the instance that the page came from, or else to one of its twins. A session counts on each of
 * them; browsers send its cookie wherever the host's name is the same, whatever the port.
 */
export class Connection {
  #urls: readonly string[];
  #hello: () => unknown;
  #onMessage: (message: Message) => void;
  #onState: (state: State) => void;
  #at = 0;
  #failures = 0;
  #instance = "";
  /** Whether the instance is there, and cannot read what is so now. */
  #troubled = false;
  #heardAt = Date.now();
  #socket: WebSocket | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(options: {
    /** The page's own instance comes first. */
    urls: readonly string[];
    /** What is said first on every new connection. */
    hello: () => unknown;
    onMessage: (message: Message) => void;
    onState: (state: State) => void;
  }) {
    this.#urls = options.urls;
    this.#hello = options.hello;
    this.#onMessage = options.onMessage;
    this.#onState = options.onState;
  }

  start(): void {
    this.#onState({ kind: "connecting" });
    this.#connect();
    setInterval(() => void this.#comeHome(), HOMECOMING_MS);
    // A machine that slept, or lost its network, need not wait.
    addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => this.#retryNow());
  }

  #connect(): void {
    const socket = new WebSocket(this.#urls[this.#at] as string);
    this.#socket = socket;
    this.#watch(socket);
    socket.onopen = () => socket.send(JSON.stringify(this.#hello()));
    socket.onmessage = ({ data }) => {
      this.#watch(socket);
      const message = JSON.parse(String(data)) as Message;
      if (message.type === "hello") {
        this.#failures = 0;
        this.#instance = String(message.data.instance);
      }
      if (message.type === "trouble") {
        this.#onState({ kind: "old", since: this.#heardAt, why: String(message.data.detail) });
        this.#troubled = true;
      } else {
        this.#heardAt = Date.now();
        // Of a change one may hear although the page itself cannot be read.
        if (message.type === "hello" || (this.#troubled && /^(beat|page)$/.test(message.type))) this.#live();
      }
      this.#onMessage(message);
    };
    socket.onclose = () => {
      if (this.#socket === socket) void this.#lost();
    };
  }

  #live(): void {
    this.#troubled = false;
    this.#onState({ kind: "live", instance: this.#instance, own: this.#at === 0 });
  }

  #watch(socket: WebSocket): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      socket.onclose = null;
      socket.close();
      if (this.#socket === socket) void this.#lost();
    }, SILENCE_MS);
  }

  async #lost(): Promise<void> {
    this.#socket = undefined;
    clearTimeout(this.#silence);
    this.#onState({ kind: "old", since: this.#heardAt });
    if (this.#at === 0 && (await isSignedOut())) return this.#onState({ kind: "signed-out" });
    this.#at = (this.#at + 1) % this.#urls.length;
    this.#failures += 1;
    const round = Math.floor(this.#failures / this.#urls.length);
    setTimeout(() => this.#retryNow(), Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** round));
  }

  #retryNow(): void {
    if (!this.#socket) this.#connect();
  }

  async #comeHome(): Promise<void> {
    if (this.#at === 0 || !(await answers("/readyz"))) return;
    const socket = this.#socket;
    this.#at = 0;
    this.#socket = undefined;
    if (socket) socket.onclose = null;
    socket?.close();
    this.#connect();
  }
}

async function answers(path: string): Promise<boolean> {
  return fetch(path).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function isSignedOut(): Promise<boolean> {
  return fetch("/api/status", { method: "HEAD" }).then(
    ({ status }) => status === 401,
    () => false,
  );
}
