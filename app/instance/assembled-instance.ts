import type { Server } from "node:http";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/load.ts";
import type { Failover } from "../failover/failover.ts";
import type { RequestHandler } from "../http/server.ts";
import type { ProcessIdentity } from "../run/process-identity.ts";
import type { Store } from "../store/store.ts";

/** The parts of an instance, put together. It has no port of its own: it answers what is handed to it. */
export interface AssembledInstance {
  handle: RequestHandler;
  failover: Failover;
  /** Takes the WebSockets of the pages from these servers. */
  attach(servers: { server: Server; door: Server }): void;
  /** Starts everything that works by itself. */
  start(servers: { server: Server; door: Server }): Promise<void>;
  /** Hands over, and ends what works by itself. Requests are still answered. With `all`, nothing takes over. */
  leave(how?: { all?: boolean }): Promise<void>;
  /** Accepts nothing more, and starts nothing more. */
  finish(): Promise<void>;
  /** Ends what works by itself, and hands nothing over: this instance goes on with other parts. */
  quiesce(): Promise<void>;
  /** Releases the rest, but for the store. Nothing may wait for an answer any more. */
  close(): Promise<void>;
}

/** What an instance is put together from. */
export interface AssemblyOptions {
  config: Config;
  name: string;
  clock: Clock;
  log: Logger;
  env: NodeJS.ProcessEnv;
  /** The open store. It stays open when the parts close. */
  store: Store;
  /** This process, which has taken the instance's name. */
  process: ProcessIdentity;
  /** Whether to do without the threads of SQLite and the waiting worker, which only make an instance faster. */
  isFrugal?: boolean;
}
