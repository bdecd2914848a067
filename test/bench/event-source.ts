import { createHmac, randomUUID } from "node:crypto";

/** How the events of a measurement are made; plain data, since it is sent to another process. */
export interface EventPlan {
  host: string;
  port: number;
  path: string;
  secret: string;
  /** The payload, in which `runId` stands wherever the run's id does. */
  body: string;
  runId: number;
  /** Every how many events one is of a run that was never sent before; 0: none is. */
  freshRunEvery: number;
  /** The first of the run ids that are new; they have as many digits as `runId`. */
  firstFreshRunId: number;
}

/** One request that can be changed into the next one without building it anew. */
export interface EventRequest {
  bytes: Buffer;
  /** Makes it the next event: a fresh GUID and, where the plan says so, a fresh run. */
  advance(): void;
}

const GUID_LENGTH = 36;
const SIGNATURE_LENGTH = 64;

/**
 * Makes signed events. All signatures are computed here, before any clock starts: a GUID is only a header, and
 * for fresh runs there is a pool of `freshRuns` of them.
 */
export class EventSource {
  #plan: EventPlan;
  #signatures: string[] = [];
  #sent = 0;
  #freshSent = 0;

  constructor(plan: EventPlan, freshRuns: number) {
    this.#plan = plan;
    for (let index = 0; index < freshRuns; index++)
      this.#signatures.push(this.#sign(plan.body.replaceAll(String(plan.runId), this.#freshId(index))));
  }

  /** A request for one connection. */
  request(): EventRequest {
    const plan = this.#plan;
    const knownSignature = this.#sign(plan.body);
    const head = [
      `POST ${plan.path} HTTP/1.1`,
      `host: ${plan.host}:${plan.port}`,
      "content-type: application/json",
      "user-agent: GitHub-Hookshot/bench",
      "x-github-event: workflow_run",
      `x-github-delivery: ${randomUUID()}`,
      `x-hub-signature-256: sha256=${knownSignature}`,
      `content-length: ${Buffer.byteLength(plan.body)}`,
      "",
      "",
    ].join("\r\n");
    const bytes = Buffer.from(head + plan.body);
    const guidAt = bytes.indexOf("x-github-delivery: ") + "x-github-delivery: ".length;
    const signatureAt = bytes.indexOf("sha256=") + "sha256=".length;
    const runIdsAt = positions(bytes, String(plan.runId));
    const setRun = (id: string, signature: string) => {
      for (const at of runIdsAt) bytes.write(id, at, "latin1");
      bytes.write(signature, signatureAt, SIGNATURE_LENGTH, "latin1");
    };
    let fresh = false;
    return {
      bytes,
      advance: () => {
        bytes.write(randomUUID(), guidAt, GUID_LENGTH, "latin1");
        const wantsFresh = plan.freshRunEvery > 0 && this.#sent++ % plan.freshRunEvery === 0;
        if (wantsFresh) {
          const signature = this.#signatures[this.#freshSent];
          if (signature === undefined) throw new Error("more events were needed than had been signed");
          setRun(this.#freshId(this.#freshSent++), signature);
        } else if (fresh) setRun(String(plan.runId), knownSignature);
        fresh = wantsFresh;
      },
    };
  }

  #freshId(index: number): string {
    return String(this.#plan.firstFreshRunId + index);
  }

  #sign(body: string): string {
    return createHmac("sha256", this.#plan.secret).update(body).digest("hex");
  }
}

function positions(bytes: Buffer, text: string): number[] {
  const found: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + text.length)) found.push(at);
  return found;
}
