import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Finding, failed, ok, warning } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** The service may be one unit, or one for each instance. */
const NAMES = ["twinhook.service", "twinhook@.service"];
/** How long the instances may take to stop (s). */
const LEAST_STOP_S = 30;

/** The unit file: systemd must start the service at boot, and must not kill commands that run. */
export async function checkUnit({ machine }: Patient): Promise<Finding[]> {
  if (!machine.hasSystemd) return [ok("unit file", "systemd does not run this machine, so none is needed")];
  const files = machine.unitFolders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const file = files.find((file) => existsSync(file));
  if (file === undefined)
    return [
      warning(
        "unit file",
        "systemd knows no twinhook.service, so nothing starts the instances at boot",
        "write /etc/systemd/system/twinhook.service as the README shows it, then systemctl enable --now twinhook",
      ),
    ];
  const text = readFileSync(file, "utf8");
  const setting = (key: string) =>
    new RegExp(`^\\s*${key}\\s*=\\s*(.*?)\\s*$`, "m").exec(text)?.[1] || undefined;
  const findings: Finding[] = [];
  const killMode = setting("KillMode") ?? "control-group";
  if (killMode === "control-group")
    findings.push(
      failed(
        "unit file",
        `${file}: KillMode=${killMode} kills the commands that run whenever the service is stopped`,
        "set KillMode=process in [Service], then systemctl daemon-reload",
      ),
    );
  const stop = secondsOf(setting("TimeoutStopSec"));
  if (stop !== undefined && stop < LEAST_STOP_S)
    findings.push(
      failed(
        "unit file",
        `${file}: TimeoutStopSec=${stop} is shorter than the instances may take to stop`,
        `set TimeoutStopSec=${LEAST_STOP_S} in [Service], then systemctl daemon-reload`,
      ),
    );
  if (!/^(always|on-)/.test(setting("Restart") ?? ""))
    findings.push(
      warning(
        "unit file",
        `${file}: without Restart= nothing starts the service again after it has failed`,
        "set Restart=always in [Service], then systemctl daemon-reload",
      ),
    );
  return findings.length > 0 ? findings : [ok("unit file", file)];
}

/** The seconds of a time span such as `30`, `90s` or `1min 30s`; undefined where it is left out or unlimited. */
function secondsOf(span: string | undefined): number | undefined {
  if (span === undefined || span === "infinity") return undefined;
  if (/^\d+$/.test(span)) return Number(span);
  const units: Record<string, number> = { ms: 0.001, s: 1, sec: 1, m: 60, min: 60, h: 3_600 };
  const parts = [...span.matchAll(/(\d+)\s*([a-z]+)/g)];
  const known = parts.filter(([, , unit = ""]) => units[unit] !== undefined);
  if (known.length === 0 || known.length !== parts.length) return undefined;
  return known.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (units[unit] ?? 0), 0);
}
