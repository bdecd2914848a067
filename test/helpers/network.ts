import { execFileSync } from "node:child_process";
import { identify, type ProcessIdentity } from "../../app/run/process-identity.ts";
import { endProcess } from "./end-process.ts";

/** Addresses of a network that exists nowhere: https://www.rfc-editor.org/rfc/rfc5737 */
const PREFIX = "192.0.2";
/** In the middle: what the hosts share. */
export const GITHUB_ADDRESS = `${PREFIX}.1`;
export const DATABASE_ADDRESS = `${PREFIX}.2`;
/** Nobody has it. */
const NOBODY = "02:00:00:00:00:01";

/** Why this machine cannot have networks of its own; null where it can. */
export function whyNoNetworks(): string | null {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  if (process.getuid?.() !== 0) return "only root may make network namespaces";
  const name = `twinhook-${process.pid}-probe`;
  try {
    ip("netns", "add", name);
    try {
      ip("-n", name, "link", "add", "br0", "type", "bridge");
      ip("netns", "exec", name, "true");
    } finally {
      ip("netns", "del", name);
    }
    return null;
  } catch (error) {
    return `network namespaces cannot be made here: ${(error as Error).message.split("\n").join(" ")}`;
  }
}

/**
 * Hosts with a network of their own each, joined by a bridge in a namespace in the middle. Nothing of it is visible
 * outside these namespaces, and nothing outside is changed.
 */
export class Network {
  readonly #tag: string;
  readonly #hosts: readonly string[];

  /** `tag` tells this network's namespaces from all others'. */
  constructor(tag: string, hosts: readonly string[]) {
    this.#tag = tag;
    this.#hosts = hosts;
  }

  /** Makes the namespaces. */
  make(): void {
    const hub = this.#space("hub");
    ip("netns", "add", hub);
    ip("-n", hub, "link", "set", "lo", "up");
    ip("-n", hub, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
    for (const address of [GITHUB_ADDRESS, DATABASE_ADDRESS])
      ip("-n", hub, "address", "add", `${address}/24`, "dev", "br0");
    ip("-n", hub, "link", "set", "br0", "up");
    for (const host of this.#hosts) {
      const space = this.#space(host);
      ip("netns", "add", space);
      ip("link", "add", host, "netns", hub, "type", "veth", "peer", "name", "eth0", "netns", space);
      ip("-n", hub, "link", "set", host, "master", "br0", "up");
      ip("-n", space, "link", "set", "lo", "up");
      ip("-n", space, "address", "add", `${this.address(host)}/24`, "dev", "eth0");
      ip("-n", space, "link", "set", "eth0", "up");
    }
  }

  address(host: string): string {
    return `${PREFIX}.${11 + this.#hosts.indexOf(host)}`;
  }

  /** The command that runs another one in a host, or in the middle. */
  inside(host: string): string[] {
    return ["ip", "netns", "exec", this.#space(host)];
  }

  /** Pulls a host's plug, and puts it in again. */
  unplug(host: string): void {
    ip("-n", this.#space("hub"), "link", "set", host, "down");
  }
  plugIn(host: string): void {
    ip("-n", this.#space("hub"), "link", "set", host, "up");
  }

  /** Whatever a host sends to these addresses is lost without a word, also on connections that are open. */
  cut(host: string, addresses: readonly string[]): void {
    for (const address of addresses)
      ip(...this.#neighbour("replace", host, address), "lladdr", NOBODY, "nud", "permanent");
  }
  mend(host: string, addresses: readonly string[]): void {
    for (const address of addresses) ip(...this.#neighbour("del", host, address));
  }

  #neighbour(act: string, host: string, address: string): string[] {
    return ["-n", this.#space(host), "neighbour", act, address, "dev", "eth0"];
  }

  /** Ends whatever still runs inside, and removes it all. */
  remove(): void {
    for (const host of ["hub", ...this.#hosts]) {
      const space = this.#space(host);
      for (const found of processesIn(space)) endProcess(found);
      try {
        ip("netns", "del", space);
      } catch {
        // It was never made.
      }
    }
  }

  #space(host: string): string {
    return `twinhook-${this.#tag}-${host}`;
  }
}

function processesIn(space: string): ProcessIdentity[] {
  try {
    const pids = ip("netns", "pids", space).split("\n").filter(Boolean).map(Number);
    return pids.flatMap((pid) => identify(pid) ?? []);
  } catch {
    // It was never made.
    return [];
  }
}

function ip(...args: string[]): string {
  return execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
