import { styleText } from "node:util";
import { EXIT } from "../failure.ts";
import type { CommonOptions } from "../options.ts";
import { printJson, printTable, type Terminal } from "../terminal.ts";
import { CHECKS, CONFIGURATION, LIVE_CHECKS } from "./checks.ts";
import { type Finding, failed } from "./finding.ts";
import { type Machine, thisMachine } from "./machine.ts";
import type { Patient } from "./patient.ts";

type DoctorOptions = CommonOptions & { live?: boolean };

/**
 * `twinhook doctor`: examines an installation from the outside in. Every finding says how to mend it. With `live` it also
 * measures at GitHub.
 */
export async function doctor(
  terminal: Terminal,
  options: DoctorOptions,
  machine: Machine = thisMachine,
): Promise<number> {
  const findings = await examine(terminal, options, machine);
  if (options.json) printJson(terminal, { findings });
  else show(terminal, findings);
  return findings.some(({ status }) => status === "failed") ? EXIT.failed : EXIT.done;
}

async function examine(terminal: Terminal, options: DoctorOptions, machine: Machine): Promise<Finding[]> {
  const { findings, config, env } = await CONFIGURATION(terminal, machine);
  // Every other check needs to know where things are.
  if (!config) return findings;
  const patient: Patient = { terminal, options, machine, env, config };
  for (const [name, check] of Object.entries({ ...CHECKS, ...(options.live && LIVE_CHECKS) })) {
    terminal.progress(`checking the ${name} …`);
    findings.push(...(await check(patient).catch((error: Error) => [brokenCheck(name, error)])));
  }
  return findings;
}

function brokenCheck(name: string, { message }: Error): Finding {
  return failed(name, `it could not be checked: ${message.split("\n")[0]}`, "mend this, then run it again");
}

function show(terminal: Terminal, findings: readonly Finding[]): void {
  if (!terminal.isInteractive) {
    printTable(
      terminal,
      [],
      findings.map(({ status, check, found, remedy }) => [status, check, found, remedy]),
    );
    return;
  }
  const colours = { ok: "green", warning: "yellow", failed: "red" } as const;
  for (const { status, check, found, remedy } of findings) {
    const mark = styleText(colours[status], status.padEnd(8), { stream: process.stdout });
    terminal.write(`${mark}${check}: ${found}\n${remedy === null ? "" : `        -> ${remedy}\n`}`);
  }
  const count = (wanted: Finding["status"]) => findings.filter(({ status }) => status === wanted).length;
  terminal.write(`${count("failed")} failed, ${count("warning")} to look at, ${count("ok")} in order\n`);
}
