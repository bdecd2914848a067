import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import { WebSocket, WebSocketServer } from "ws";
import type { Reach } from "./github-reach.ts";
import type { HealthStatus } from "./health-window.ts";
import {
  type Challenge,
  type Hello,
  newNonce,
  PEER_PROTOCOL,
  type Proof,
  prove,
  sameProof,
} from "./peer-handshake.ts";

/** The time between two heartbeats. */
export const BEAT_MS = 400;
/**
 * The pause before the next call: at first and at most (doubled each time), after failed handshakes, and after a first
 * refusal right after a loss. A peer that comes back calls by itself, and is then called at once.
 */
const REDIAL_MS = 200;
const LONGEST_REDIAL_MS = 2_000;
const FAILING_REDIAL_MS = 5_000;
const JUST_LOST_REDIAL_MS = 20;
/** No peer sends longer messages. */
const MAX_MESSAGE_BYTES = 16 * 1024;
/** A caller that has not proven itself within this time is disconnected. */
const HANDSHAKE_LIMIT_MS = 2_000;

/** The path of the WebSocket between instances. */
export const PEER_PATH = "/peer";

export interface Peer {
  name: string;
  /** `ws://HOST:PORT`. */
  address: string;
}

/** A heartbeat. */
export interface Beat {
  type: "beat";
  /** Whether the sender is shutting down, so that another endpoint should become active. */
  leaving: boolean;
  /** The names of all instances that are shutting down together with it; older releases do not send it. */
  stopping?: readonly string[];
  /** Whether the sender cannot write to the store; older releases do not send it. */
  storeFails?: boolean;
  /** Marks of the webhook secrets that the sender accepts; older releases do not send them. */
  secrets?: readonly string[];
  /** Every endpoint's status, as the sender sees it. */
  sees: Record<string, HealthStatus>;
  /** Whether the sender reaches GitHub. */
  github: Reach;
}

export interface PeerEvents {
  /** A connection to the peer closed, and a new one was refused: its process is dead. */
  onDied: (name: string) => void;
  onBeat: (name: string, beat: Beat) => void;
  /** The connection to the peer closed: its last heartbeat does not count any more. */
  onLost: (name: string) => void;
}

/**
 * The WebSockets between the instances: each instance calls every other one. The kernel closes a dead process's socket
 * at once, so the others know within milliseconds. A hung process keeps its socket; only the health checks find it.
 */
export class PeerLinks {
  #name: string;
  #key: Buffer;
  #peers: readonly Peer[];
  #events: PeerEvents;
  #beat: () => Omit<Beat, "type">;
  #log: Logger;
  #server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  #calls = new Map<string, WebSocket>();
  /** The proven connections that peers made, each with the peer's name. */
  #answered = new Map<WebSocket, string>();
  /** How many calls in a row each peer did not take, and the timer and act of the next one. */
  #missed = new Map<string, number>();
  #redials = new Map<string, { timer: NodeJS.Timeout; call: () => void }>();
  #beating: NodeJS.Timeout | undefined;
  /** How often in a row the handshake with each peer failed. */
  #failedHandshakes = new Map<string, number>();
  #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(options: {
    name: string;
    key: Buffer;
    peers: readonly Peer[];
    /** Returns the content of the next heartbeat. */
    beat: () => Omit<Beat, "type">;
    events: PeerEvents;
    log: Logger;
  }) {
    this.#name = options.name;
    this.#key = options.key;
    this.#peers = options.peers;
    this.#beat = options.beat;
    this.#events = options.events;
    this.#log = options.log;
  }

  /** Accepts calls of peers on this server, and calls every peer. */
  start(server: Server): void {
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // Another listener, if there is one, takes the upgrades to other paths.
      if (request.url !== PEER_PATH) return void (server.listenerCount("upgrade") === 1 && socket.destroy());
      this.#server.handleUpgrade(request, socket, head, (link) => this.#answer(link));
    });
    for (const peer of this.#peers) this.#call(peer, false);
    this.#beating = setInterval(() => this.beatNow(), BEAT_MS);
  }

  /** Sends a heartbeat to every peer at once: its content has changed. */
  beatNow(): void {
    const links = [...this.#calls.values()];
    // A peer that cannot be called hears it on the connection that it made.
    for (const [link, name] of this.#answered) if (!this.#calls.has(name)) links.push(link);
    if (links.length > 0) this.#say(links);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#beating);
    for (const timer of this.#timers) clearTimeout(timer);
    for (const link of [...this.#calls.values(), ...this.#server.clients]) link.terminate();
    this.#server.close();
  }

  /** The peers to which a proven connection is open now. */
  get connected(): string[] {
    return [...this.#calls.keys()];
  }

  #call(peer: Peer, wasConnected: boolean, justLost = false): void {
    if (this.#closed) return;
    const link = new WebSocket(`${peer.address}${PEER_PATH}`, {
      handshakeTimeout: HANDSHAKE_LIMIT_MS,
      maxPayload: MAX_MESSAGE_BYTES,
      // The certificate is for the public name; the proofs show who answers.
      rejectUnauthorized: false,
    });
    const hello: Hello = {
      type: "hello",
      version: PEER_PROTOCOL,
      from: this.#name,
      to: peer.name,
      nonce: newNonce(),
    };
    let proven = false;
    let refused = false;
    let opened = false;
    link.on("open", () => {
      opened = true;
      link.send(JSON.stringify(hello));
    });
    link.on("message", (data) => {
      const message = parse(data.toString()) as Challenge | Beat | undefined;
      if (message?.type === "challenge" && !proven) {
        if (!sameProof(message.proof, prove(this.#key, "called", hello, String(message.nonce))))
          return link.terminate();
        proven = true;
        this.#failedHandshakes.delete(peer.name);
        this.#missed.delete(peer.name);
        this.#calls.set(peer.name, link);
        const proof = prove(this.#key, "caller", hello, message.nonce);
        link.send(JSON.stringify({ type: "proof", proof } satisfies Proof));
        this.#say([link]);
      } else if (message?.type === "beat" && proven) this.#events.onBeat(peer.name, message);
    });
    link.on("error", (error: NodeJS.ErrnoException) => {
      refused = error.code === "ECONNREFUSED";
    });
    link.on("close", () => {
      if (this.#calls.get(peer.name) === link) this.#calls.delete(peer.name);
      if (this.#closed) return;
      if (proven) this.#events.onLost(peer.name);
      if (refused && wasConnected) this.#events.onDied(peer.name);
      const failing = opened && !proven && this.#failsHandshakes(peer);
      const pause = failing ? FAILING_REDIAL_MS : this.#redialPause(peer, { proven, justLost });
      const call = () => {
        this.#redials.delete(peer.name);
        this.#call(peer, proven || (wasConnected && !refused), proven);
      };
      this.#redials.set(peer.name, { timer: this.#later(pause, call), call });
    });
  }

  #redialPause({ name }: Peer, { proven, justLost }: { proven: boolean; justLost: boolean }): number {
    // Right after a loss, call at once: a refusal proves that the process is dead. If the kernel has closed the
    // socket but not yet the port, it resets the call. So a second call follows soon.
    if (proven) return 0;
    if (justLost) return JUST_LOST_REDIAL_MS;
    const missed = this.#missed.get(name) ?? 0;
    this.#missed.set(name, missed + 1);
    const pause = Math.min(REDIAL_MS * 2 ** missed, LONGEST_REDIAL_MS);
    // Jitter keeps instances that lost one peer together from calling it together.
    return pause * (0.75 + Math.random() / 4);
  }

  /** A peer that calls is up, so the next call to it waits no longer. */
  #redialNow(name: string): void {
    const redial = this.#redials.get(name);
    if (!redial) return;
    this.#forget(redial.timer);
    redial.call();
  }

  /**
   * Counts a failed handshake; returns whether it was not the first in a row. A peer that is starting may fail once: it
   * answers a moment before it accepts calls. The second failure is logged, once.
   */
  #failsHandshakes({ name, address }: Peer): boolean {
    const times = (this.#failedHandshakes.get(name) ?? 0) + 1;
    this.#failedHandshakes.set(name, times);
    if (times === 2)
      this.#log.warn(
        { peer: name, address },
        `${name} answers but fails the handshake; all instances need the same PRIVATE_KEY, names and version`,
      );
    return times > 1;
  }

  /** Answers an incoming connection; disconnects a peer that breaks the protocol order. */
  #answer(link: WebSocket): void {
    let hello: Hello | undefined;
    let nonce = "";
    let proven = false;
    const limit = this.#later(HANDSHAKE_LIMIT_MS, () => {
      if (!proven) link.terminate();
    });
    link.on("error", () => {});
    link.on("close", () => {
      this.#answered.delete(link);
      this.#forget(limit);
    });
    link.on("message", (data) => {
      const message = parse(data.toString()) as Hello | Proof | Beat | undefined;
      if (message?.type === "hello" && !hello && this.#isForMe(message)) {
        hello = message;
        nonce = newNonce();
        const challenge: Challenge = {
          type: "challenge",
          nonce,
          proof: prove(this.#key, "called", hello, nonce),
        };
        link.send(JSON.stringify(challenge));
      } else if (
        message?.type === "proof" &&
        hello &&
        !proven &&
        sameProof(message.proof, prove(this.#key, "caller", hello, nonce))
      ) {
        proven = true;
        this.#answered.set(link, hello.from);
        this.#say([link]);
        this.#redialNow(hello.from);
      } else if (message?.type === "beat" && proven && hello) this.#events.onBeat(hello.from, message);
      else link.terminate();
    });
  }

  #isForMe({ version, from, to }: Hello): boolean {
    return version === PEER_PROTOCOL && to === this.#name && this.#peers.some(({ name }) => name === from);
  }

  #say(links: readonly WebSocket[]): void {
    const beat = JSON.stringify({ type: "beat", ...this.#beat() } satisfies Beat);
    for (const link of links) if (link.readyState === WebSocket.OPEN) link.send(beat);
  }

  #later(ms: number, act: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#closed) act();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  #forget(timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.#timers.delete(timer);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
