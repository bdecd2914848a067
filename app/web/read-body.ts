import type { IncomingMessage } from "node:http";
import { HttpProblem } from "./problem.ts";

/**
 * Reads a request's whole body, as bytes.
 * @throws {HttpProblem} 413 as soon as it is known to be larger than `limit` bytes, 400 when it was cut off.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const tooLarge = () =>
    new HttpProblem(413, `the body is larger than ${limit} bytes, which is more than is ever sent here`, {
      connection: "close",
    });
  if (Number(request.headers["content-length"] ?? 0) > limit) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) {
        request.pause();
        reject(tooLarge());
      } else chunks.push(chunk);
    });
    request.on("end", () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    const cutOff = () =>
      reject(new HttpProblem(400, "the connection ended before the body did; send it again"));
    request.on("aborted", cutOff);
    request.on("error", cutOff);
  });
}
