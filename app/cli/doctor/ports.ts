import { createServer } from "node:net";
import { hostname } from "node:os";
import { INSTANCE_HEADER } from "../../../shared/instance-header.ts";
import { localInstances } from "../../config/checks/running-service.ts";
import { localUrl, parseListen } from "../../config/listen-address.ts";
import type { InstanceConfig } from "../../config/schema.ts";
import { exchange } from "./exchange.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** The addresses where this host's instances listen. */
export async function checkPorts({ config }: Patient): Promise<Finding[]> {
  const local = localInstances(config);
  if (local.length === 0)
    return [
      failed(
        "ports",
        `no instance in ${config.file} has the host ${hostname()}`,
        "correct host in twinhook.yml, or this host's name",
      ),
    ];
  return Promise.all(local.map(checkPort));
}

async function checkPort(instance: InstanceConfig): Promise<Finding> {
  const { name, listen } = instance;
  const check = `port of ${name}`;
  const taken = (by: string) =>
    failed(
      check,
      `${listen} is taken by ${by}`,
      `ss -ltnp names the program; end it, or give ${name} another listen address`,
    );
  try {
    const { headers } = await exchange(`${localUrl(instance)}/livez`);
    const found = headers[INSTANCE_HEADER.toLowerCase()];
    if (found === name) return ok(check, `${name} listens at ${listen}`);
    return taken(found === undefined ? "another program" : `the instance ${found}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED")
      return taken("a program that does not answer");
  }
  const code = await listenError(listen);
  if (code === null)
    return warning(
      check,
      `nothing listens at ${listen}: ${name} does not run`,
      "twinhook start, or systemctl start twinhook",
    );
  return failed(
    check,
    `${name} cannot listen at ${listen} (${code})`,
    code === "EACCES"
      ? "choose a port above 1023, or allow the service CAP_NET_BIND_SERVICE"
      : "write an address of this host, such as 127.0.0.1:9100",
  );
}

/** The error code of an attempt to listen there; null where it succeeds. */
function listenError(listen: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(parseListen(listen), () => server.close(() => resolve(null)));
  });
}
