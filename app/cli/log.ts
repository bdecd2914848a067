import { type Deployment, isFinal } from "../../shared/deployment.ts";
import { connect, Refusal } from "./client.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { orFromStore } from "./or-from-store.ts";
import { ClosedPipe, printJson, type Terminal } from "./terminal.ts";

/** How often in a row a stream may break off before anything new came. */
const MAX_BREAKS = 5;

/** `twinhook log ID`: the output of a deployment. Goes on at another instance where the first one ends. */
export async function log(
  terminal: Terminal,
  id: string,
  options: CommonOptions & { follow?: boolean },
): Promise<number> {
  const { follow } = options;
  const signal = follow ? terminal.interrupted() : undefined;
  const path = `/api/deployments/${encodeURIComponent(id)}`;
  let breaks = 0;
  const printer = new Printer(terminal, options.json === true);
  try {
    for (let isDone = false; !isDone; )
      isDone = await orFromStore<boolean>(
        terminal,
        options,
        async () => {
          const client = await connect(terminal, options);
          const before = printer.printed;
          printer.begin();
          try {
            for await (const chunk of await client.stream(`${path}/log${follow ? "?follow=1" : ""}`, signal))
              printer.print(chunk);
            // An instance that stops ends the stream as well.
            return !follow || isFinal((await client.ask<Deployment>(path)).status);
          } catch (error) {
            if (signal?.aborted || error instanceof Refusal || breaks++ > MAX_BREAKS) throw error;
            if (printer.printed > before) breaks = 0;
            return false;
          }
        },
        async (config) => {
          printer.begin();
          const { storedLog } = await import("./stored.ts");
          if (await storedLog(config, id, (chunk) => printer.print(chunk))) return true;
          throw new CommandFailure(
            EXIT.failed,
            "there is no deployment with this id; `twinhook deployments` lists them",
          );
        },
      );
  } catch (error) {
    if (!signal?.aborted) throw error;
    return signal.reason instanceof ClosedPipe ? EXIT.done : EXIT.interrupted;
  }
  if (options.json) printJson(terminal, { deployment: id, log: printer.text });
  return EXIT.done;
}

/** Prints a log once, even if it is read from its beginning again. */
class Printer {
  text = "";
  /** In bytes. */
  printed = 0;
  #terminal: Terminal;
  #keeps: boolean;
  #decoder = new TextDecoder();
  #read = 0;

  constructor(terminal: Terminal, keeps: boolean) {
    this.#terminal = terminal;
    this.#keeps = keeps;
  }

  begin(): void {
    this.#read = 0;
  }

  print(chunk: Uint8Array): void {
    const fresh = chunk.subarray(Math.max(0, this.printed - this.#read));
    this.#read += chunk.byteLength;
    if (fresh.byteLength === 0) return;
    this.printed += fresh.byteLength;
    const text = this.#decoder.decode(fresh, { stream: true });
    if (this.#keeps) this.text += text;
    else this.#terminal.write(text);
  }
}
