import { setTimeout as sleep } from "node:timers/promises";
import type { TestHost } from "../helpers/test-host.ts";
import { workflowRunPayload } from "../simulator/workflow-run-payload.ts";
import type { PlannedEvent } from "./plan.ts";
import type { Progress } from "./progress.ts";

/** What became of one event. */
export interface Answer {
  event: PlannedEvent;
  /** Every try, in words: `primary 503`, `backup ECONNREFUSED`, `backup 202`. */
  tries: string[];
  /** The body of the 2xx; null where the connection broke after the status, or where there was no 2xx. */
  body: {
    delivery: string | null;
    outcome: string;
    deployments: { id: string; duplicate: boolean }[];
  } | null;
  /** Whether there was a 2xx. */
  accepted: boolean;
}

/** GitHub waits no longer for an answer. */
const ANSWER_LIMIT_MS = 10_000;
/** Nobody is down for so long: two instances that start again at once take a second or two. */
const GIVE_UP_MS = 60_000;
const PAUSE_MS = 150;

/**
 * Sends the events, each connection taking the next one of the plan. What fails or is refused is sent again with
 * the same GUID, at the other twin, until someone answers 2xx.
 */
export async function sendAll(
  host: TestHost,
  events: readonly PlannedEvent[],
  options: {
    connections: number;
    progress: Progress;
    repositories: ReadonlyMap<string, { id: number; installation_id: number | null }>;
  },
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const queue = events.values();
  const connection = async () => {
    for (const event of queue) {
      await sleep(event.pauseMs);
      const repository = options.repositories.get(event.run.repository);
      const payload = workflowRunPayload({
        ...event.run,
        ...(repository && {
          repositoryId: repository.id,
          ...(repository.installation_id !== null && { installationId: repository.installation_id }),
        }),
      });
      answers.push(await untilAccepted(host, event, payload));
      options.progress.advance();
    }
  };
  await Promise.all(Array.from({ length: options.connections }, connection));
  return answers;
}

async function untilAccepted(host: TestHost, event: PlannedEvent, payload: unknown): Promise<Answer> {
  const tries: string[] = [];
  const giveUp = Date.now() + GIVE_UP_MS;
  let instance = event.first;
  while (Date.now() < giveUp) {
    try {
      const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
      const response = await host.sendEvent(instance, payload, { guid: event.guid, signal });
      tries.push(`${instance} ${response.status}`);
      if (response.ok) {
        const body = (await response.json().catch(() => null)) as Answer["body"];
        return { event, tries, body, accepted: true };
      }
      await response.body?.cancel();
    } catch (error) {
      const { cause, name } = error as Error & { cause?: { code?: string } };
      tries.push(`${instance} ${cause?.code ?? name}`);
    }
    instance = instance === "primary" ? "backup" : "primary";
    // Both twins were asked: one of them is about to be back.
    if (tries.length % 2 === 0) await sleep(PAUSE_MS);
  }
  return { event, tries, body: null, accepted: false };
}
