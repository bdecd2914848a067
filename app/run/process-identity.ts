import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Distinguishes a process from every other one that ever had its pid. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in clock ticks since the machine booted. */
  startTime: string;
  bootId: string;
  /** A pid is unique only within its namespace. */
  pidNamespace: string;
}

/**
 * The fields of /proc/PID/stat, or of a thread's. @see
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
interface ProcessStat {
  state: string;
  processGroup: number;
  session: number;
  startTime: string;
}

/** The state of the process; undefined when none of its threads is alive. */
function readStat(pid: number): ProcessStat | undefined {
  const stat = readStatFile(`/proc/${pid}/stat`);
  if (!stat || !hasEnded(stat)) return stat;
  // A main thread that has ended shows as a zombie, although other threads of the process still run.
  const thread = threadIds(pid)
    .map((id) => readStatFile(`/proc/${pid}/task/${id}/stat`))
    .find((other) => other && !hasEnded(other));
  return thread && { ...stat, state: thread.state };
}

/** Zombie or dead. */
function hasEnded({ state }: ProcessStat): boolean {
  return state === "Z" || state === "X";
}

function threadIds(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function readStatFile(file: string): ProcessStat | undefined {
  try {
    const text = readFileSync(file, "utf8");
    // The command's name, in parentheses, may itself contain spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return {
      state: fields[0] as string,
      processGroup: Number(fields[2]),
      session: Number(fields[3]),
      startTime: fields[19] as string,
    };
  } catch {
    return undefined;
  }
}

let here: { bootId: string; pidNamespace: string } | undefined;
function thisMachine() {
  here ??= {
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    pidNamespace: readlinkSync("/proc/self/ns/pid"),
  };
  return here;
}

/** The identity of the process that has this pid now; undefined where there is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTime: stat.startTime, ...thisMachine() };
}

/** Whether the pid of this identity can be looked up here: same boot, same namespace. */
function isLocal({ bootId, pidNamespace }: ProcessIdentity): boolean {
  const machine = thisMachine();
  return bootId === machine.bootId && pidNamespace === machine.pidNamespace;
}

/** Whether exactly this process still runs, with one thread at least. */
export function isAlive(identity: ProcessIdentity): boolean {
  return isLocal(identity) && identify(identity.pid)?.startTime === identity.startTime;
}

/** Whether this process has certainly ended. In another pid namespace nothing is certain. */
export function isGone(identity: ProcessIdentity): boolean {
  return identity.bootId !== thisMachine().bootId || (isLocal(identity) && !isAlive(identity));
}

/** `stopped`: by SIGSTOP or the like. A process at which a debugger looks counts as running. */
export type ProcessState = "running" | "stopped" | "gone";

/** The state of exactly this process; undefined where nothing is certain: it has another pid namespace. */
export function processState(identity: ProcessIdentity): ProcessState | undefined {
  if (!isLocal(identity)) return isGone(identity) ? "gone" : undefined;
  const stat = readStat(identity.pid);
  if (stat?.startTime !== identity.startTime) return "gone";
  return stat.state === "T" ? "stopped" : "running";
}

/**
 * Whether this process is stopped (SIGSTOP, a debugger). A stopped process keeps its locks until it
 * continues.
 */
export function isStopped(identity: ProcessIdentity): boolean {
  const state = isAlive(identity) ? readStat(identity.pid)?.state : undefined;
  return state === "T" || state === "t";
}

/**
 * The remaining members of the process group that `leader` began, itself included. Empty where another
 * process has got the group's number since.
 */
export function groupMembers(leader: ProcessIdentity): number[] {
  if (!isLocal(leader)) return [];
  const now = readStatFile(`/proc/${leader.pid}/stat`);
  if (now && now.startTime !== leader.startTime) return [];
  return processIds().filter((pid) => {
    const stat = readStat(pid);
    return stat?.processGroup === leader.pid && stat.session === leader.pid;
  });
}

function processIds(): number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/**
 * Sends `signal` to the whole group; a group that has just ended is no error. Returns false where the kernel
 * does not permit it: the group belongs to another user, such as a command under `sudo`.
 */
export function signalGroup(leader: ProcessIdentity, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leader.pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EPERM") return false;
    if (code !== "ESRCH") throw error;
  }
  return true;
}
