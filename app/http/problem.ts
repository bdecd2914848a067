import { STATUS_CODES } from "node:http";
import { docsUrl } from "../version.ts";

/** An error as the API answers it (RFC 9457); its detail gives the remedy. */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly type: string;

  /** `type` names a kind that callers can tell from others of its status; else it leads to the documentation. */
  constructor(status: number, detail: string, headers: Record<string, string> = {}, type?: string) {
    super(detail);
    this.status = status;
    this.headers = headers;
    this.type = type ?? troubleshooting(status);
  }

  /** The problem document. @see https://www.rfc-editor.org/rfc/rfc9457 */
  toJSON() {
    return {
      type: this.type,
      title: STATUS_CODES[this.status] ?? "Error",
      status: this.status,
      detail: this.message,
    };
  }

  toResponse(): Response {
    return new Response(JSON.stringify(this), {
      status: this.status,
      headers: { "content-type": "application/problem+json", ...this.headers },
    });
  }
}

/** Where the documentation explains answers with this status. */
export function troubleshooting(status: number): string {
  return docsUrl(`docs/troubleshooting.md#answer-${status}`);
}
