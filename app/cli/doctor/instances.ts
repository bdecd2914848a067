import type { StatusAnswer } from "../../reads/answers/status.ts";
import { VERSION } from "../../version.ts";
import { connect } from "../client.ts";
import { CommandFailure, EXIT, NoInstanceError } from "../failure.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** The instances as they see each other. */
export async function checkInstances({ terminal, options, config }: Patient): Promise<Finding[]> {
  let status: StatusAnswer;
  try {
    status = await (await connect(terminal, options)).ask<StatusAnswer>("/api/status");
  } catch (error) {
    if (error instanceof NoInstanceError)
      return [failed("instances", "no instance answers", "twinhook start, or systemctl start twinhook")];
    if (error instanceof CommandFailure && error.exitCode === EXIT.notAllowed)
      return [
        failed(
          "instances",
          `${error.message.split(";")[0]}`,
          "put the TWINHOOK_ADMIN_TOKEN of the instances into .env, or give it by --token",
        ),
      ];
    throw error;
  }
  const { instance, endpoints, controller, webhook, version } = status;
  const findings = endpoints.flatMap(({ name, status: health, reason, seen_by }) => {
    const check = `instance ${name}`;
    const others = endpoints.map((one) => one.name).filter((other) => other !== name);
    const missing = others.filter((other) => other !== instance && seen_by[other] === undefined);
    if (health === "unhealthy")
      return failed(
        check,
        `it is unhealthy: ${reason}`,
        `its log says why; start it again if it does not run`,
      );
    if (health === "degraded") return warning(check, `it is degraded: ${reason}`, "its log says more");
    if (missing.length > 0 && name === instance)
      return warning(
        check,
        `it has no link to ${missing.join(", ")}`,
        "give both the same PRIVATE_KEY and release, and let them reach each other's peer address",
      );
    return ok(check, "healthy");
  });
  if (controller === null)
    findings.push(
      failed("controller", "no instance is the controller", "their logs say why none can take the lease"),
    );
  if (!webhook.in_sync)
    findings.push(
      warning(
        "webhook",
        "GitHub does not deliver where the controller decided",
        "the controller sets it again every 30 s; its log says what GitHub answers",
      ),
    );
  if (version !== VERSION)
    findings.push(
      warning(
        "release",
        `${instance} runs release ${version}, and this command is of ${VERSION}`,
        "systemctl restart twinhook makes the service run this release",
      ),
    );
  if (config.instances.length === 1)
    findings.push(
      warning("instances", "there is only one, so nothing takes its place", "add a second below instances"),
    );
  return findings;
}
