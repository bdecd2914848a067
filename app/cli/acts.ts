import { type Deployment, isFinal } from "../../shared/deployment.ts";
import type { DeliveryAnswer } from "../reads/answers/delivery.ts";
import { type Client, connect } from "./client.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { printJson, printTable, type Terminal } from "./terminal.ts";

/** `twinhook retry ID`: runs a deployment again; done when it has succeeded. */
export async function retry(terminal: Terminal, id: string, options: CommonOptions): Promise<number> {
  const ended = await actOn(terminal, id, "retry", options);
  return ended.status === "succeeded" ? EXIT.done : EXIT.failed;
}

/** `twinhook cancel ID`: done when the deployment has ended as cancelled. */
export async function cancel(terminal: Terminal, id: string, options: CommonOptions): Promise<number> {
  const ended = await actOn(terminal, id, "cancel", options);
  return ended.status === "cancelled" ? EXIT.done : EXIT.failed;
}

/** `twinhook redeliver ID`: judges a delivery again, and shows its outcome. */
export async function redeliver(terminal: Terminal, id: string, options: CommonOptions): Promise<number> {
  const client = await connect(terminal, options);
  const delivery = await client.ask<DeliveryAnswer>(`/api/deliveries/${encodeURIComponent(id)}/redeliver`, {
    method: "POST",
  });
  if (options.json) printJson(terminal, delivery);
  else
    printTable(
      terminal,
      ["ID", "OUTCOME", "DEPLOYMENTS", "REASON"],
      [[delivery.id, delivery.outcome, delivery.deployments.join(" "), delivery.reason]],
    );
  return EXIT.done;
}

/** Asks for the act, and shows the deployment once it has ended. */
async function actOn(
  terminal: Terminal,
  id: string,
  act: "retry" | "cancel",
  options: CommonOptions,
): Promise<Deployment> {
  const path = `/api/deployments/${encodeURIComponent(id)}`;
  const client = await connect(terminal, options);
  const asked = await client.ask<Deployment>(`${path}/${act}`, { method: "POST" });
  const ended = await untilEnded(terminal, options, client, asked);
  printDeployment(terminal, options, ended);
  return ended;
}

/** Prints a deployment that has ended. */
export function printDeployment(terminal: Terminal, { json }: CommonOptions, ended: Deployment): void {
  if (json) printJson(terminal, ended);
  else
    printTable(
      terminal,
      ["ID", "STATUS", "REPOSITORY", "TARGET", "COMMIT", "ATTEMPT", "REASON"],
      [
        [
          ended.id,
          ended.status,
          ended.repository,
          ended.target,
          ended.sha.slice(0, 12),
          ended.attempt,
          ended.reason,
        ],
      ],
    );
}

/** Reads the deployment until it has ended, at whichever instance answers. */
export async function untilEnded(
  terminal: Terminal,
  options: CommonOptions,
  first: Client,
  asked: Deployment,
): Promise<Deployment> {
  const signal = terminal.interrupted();
  let client = first;
  let deployment = asked;
  while (!isFinal(deployment.status)) {
    terminal.progress(`${deployment.id} is ${deployment.status}, attempt ${deployment.attempt} …`);
    try {
      deployment = await client.ask<Deployment>(`/api/deployments/${deployment.id}?wait=20`, { signal });
    } catch (error) {
      if (signal.aborted)
        throw new CommandFailure(
          EXIT.interrupted,
          `no longer waiting; ${deployment.id} goes on: \`twinhook log ${deployment.id} -f\` follows it`,
        );
      if (!(error instanceof CommandFailure) || error.exitCode !== EXIT.unavailable) throw error;
      // Its instance has gone; the deployment has not.
      client = await connect(terminal, options);
    }
  }
  return deployment;
}
