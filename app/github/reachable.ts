import { connect } from "node:net";

/** A GitHub that is slower than this is of no use to a controller. */
const LIMIT_MS = 2_000;

/** Whether GitHub's API answers from here. A refusal counts as an answer, a server error does not. */
export async function reachable(apiUrl: string): Promise<boolean> {
  try {
    const { status } = await fetch(`${apiUrl}/meta`, {
      method: "HEAD",
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    return status < 500;
  } catch {
    return false;
  }
}

/** Whether a connection to GitHub's API can be opened from here. It sends no request, so that it costs no call. */
export function connectable(apiUrl: string): Promise<boolean> {
  const { protocol, hostname, port } = new URL(apiUrl);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port) || (protocol === "https:" ? 443 : 80),
    });
    const end = (made: boolean) => {
      socket.destroy();
      resolve(made);
    };
    socket.setTimeout(LIMIT_MS, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
