import { type Logger, pino } from "pino";

/** The log of a process: JSON lines on standard output, to be read by whatever gathers logs on the host. */
export function createLog(level: string, instance: string | null): Logger {
  return pino({
    level,
    base: instance === null ? {} : { instance },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    // Octokit's errors carry the whole request; none of its headers belongs in a log.
    redact: { paths: ["err.request", "err.response", "*.authorization"], remove: true },
  });
}
