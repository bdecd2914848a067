import { type DestinationStream, type Logger, type LoggerOptions, pino } from "pino";

/**
 * The log of a process: JSON lines, to be read by whatever gathers logs on the host. They go to `destination`,
 * by default standard output.
 */
export function createLog(level: string, instance: string | null, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: instance === null ? {} : { instance },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    // Octokit's errors carry the whole request; none of its headers belongs in a log.
    redact: { paths: ["err.request", "err.response", "*.authorization"], remove: true },
  };
  return destination ? pino(options, destination) : pino(options);
}
