import type { Config } from "../config/load.ts";
import type { InstanceConfig } from "../config/schema.ts";
import { isAlive, type ProcessIdentity, type ProcessState, processState } from "../run/process-identity.ts";
import type { RunRegistry } from "../run/run-registry.ts";
import type { LeaseRow } from "../store/schema.ts";
import type { Fences } from "./controller-lease.ts";

/** The name of a process as the lease's holder. No other process ever has the same name. */
export function holderName(instance: string, { pid, startTime }: ProcessIdentity): string {
  return `${instance} ${pid} ${startTime}`;
}

/** What the kernel says of the processes of the other instances. It knows those of this host alone. */
export class PeerProcesses {
  #config: Config;
  #self: InstanceConfig;
  #registry: RunRegistry;
  /** Each process as last read in the registry. */
  #known = new Map<string, ProcessIdentity>();

  constructor(options: { config: Config; self: InstanceConfig; registry: RunRegistry }) {
    this.#config = options.config;
    this.#self = options.self;
    this.#registry = options.registry;
  }

  /** The state of an instance's process; undefined for one of another host, or of none. */
  state(name: string): ProcessState | undefined {
    const other = this.#config.instances.find((instance) => instance.name === name);
    if (other?.host !== this.#self.host) return undefined;
    const known = this.#known.get(name);
    const state = known && processState(known);
    if (state === "running" || state === "stopped") return state;
    const now = this.#registry.read(`instance-${name}`)?.runner;
    if (!now) return undefined;
    this.#known.set(name, now);
    return processState(now);
  }

  /** Whether the holder is proven dead. Only a process of this host can be proven dead; else the lease must run out. */
  isGone(lease: LeaseRow, host: string): boolean {
    if (lease.holder === null) return true;
    if (lease.host !== host || lease.instance === null) return false;
    const known = this.#known.get(lease.instance);
    if (known && holderName(lease.instance, known) === lease.holder && isAlive(known)) return false;
    const entry = this.#registry.read(`instance-${lease.instance}`);
    return !entry || !isAlive(entry.runner) || holderName(lease.instance, entry.runner) !== lease.holder;
  }

  get fences(): Fences {
    const registry = this.#registry;
    return {
      raise: ({ instance, holder }) => registry.fence(instance ?? "", holder ?? ""),
      isRaised: ({ instance, holder }) => registry.isFenced(instance, holder),
      remove: ({ instance }) => registry.removeFence(instance),
    };
  }
}

/** The address of another instance for peer links: its `peer` address, or the one where it listens. */
export function peerOf(self: InstanceConfig, other: InstanceConfig): { name: string; address: string } {
  const scheme = other.tls ? "wss" : "ws";
  const listen = other.peer ?? other.listen;
  const port = listen.slice(listen.lastIndexOf(":") + 1);
  const anywhere = /^(0\.0\.0\.0|\[::\]):/.test(listen);
  const near = other.host === self.host;
  const host = anywhere
    ? near
      ? "127.0.0.1"
      : new URL(other.url).hostname
    : listen.slice(0, -port.length - 1);
  return { name: other.name, address: `${scheme}://${host}:${port}` };
}
