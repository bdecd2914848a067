/** A message of `/live`. */
export interface Message {
  type: string;
  at: string;
  data: Record<string, unknown>;
}

export type State =
  | { kind: "connecting" }
  /** The page shows the current state; `instance` sends it. */
  | { kind: "live"; instance: string; own: boolean }
  /** The page shows the state at `since` (ms), which may have changed. */
  | { kind: "old"; since: number; why?: string }
  | { kind: "signed-out" };

/** Beats come every second, so this much silence means that the instance is gone. */
const SILENCE_MS = 5_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** How often a page that lives by another instance checks whether its own is back. */
const HOMECOMING_MS = 10_000;

/**
 * Stays connected: to the page's own instance, or else to another one. A session is valid on each of them.
 * Browsers send its cookie to every port of the same host name.
 */
export class Connection {
  #urls: readonly string[];
  #hello: () => unknown;
  #onMessage: (message: Message) => void;
  #onState: (state: State) => void;
  #at = 0;
  #failures = 0;
  #instance = "";
  /** Whether the instance answers but cannot read the current state. */
  #troubled = false;
  #heardAt = Date.now();
  #socket: WebSocket | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(options: {
    /** The page's own instance comes first. */
    urls: readonly string[];
    /** The first message on every new connection. */
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
    // After sleep or a network change, it reconnects at once.
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
        // After trouble, only a beat or a page proves that the page can be read again.
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
