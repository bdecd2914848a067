import { isFinal } from "../../shared/deployment.ts";
import type { Store } from "../store/store.ts";
import { nextChange } from "./next-change.ts";

/** How many lines `log_tail` shows. */
const TAIL_LINES = 20;
const TAIL_CHARACTERS = 4_096;
/** How many pieces of a log one read returns. */
const PAGE = 200;

interface Position {
  attempt: number;
  seq: number;
}

async function chunksAfter(store: Store, id: string, { attempt, seq }: Position) {
  return store.read
    .selectFrom("log_chunks")
    .selectAll()
    .where("deployment_id", "=", id)
    .where((e) => e.or([e("attempt", ">", attempt), e.and([e("attempt", "=", attempt), e("seq", ">", seq)])]))
    .orderBy("attempt")
    .orderBy("seq")
    .limit(PAGE)
    .execute();
}

/** Streams a deployment's log as text; with `follow`, until the deployment has ended. */
export function streamLog(
  store: Store,
  id: string,
  options: { follow: boolean; timestamps: boolean },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const abort = new AbortController();
  let position: Position = { attempt: 0, seq: -1 };
  let atLineStart = true;
  const format = ({ at, text }: { at: number; text: string }) => {
    if (!options.timestamps) return text;
    const time = new Date(at).toISOString();
    const stamped = text.replace(/^(?=[\s\S])/gm, (_, offset: number) =>
      offset === 0 && !atLineStart ? "" : `${time} `,
    );
    atLineStart = text.endsWith("\n");
    return stamped;
  };
  return new ReadableStream({
    async pull(controller) {
      for (;;) {
        const chunks = await chunksAfter(store, id, position);
        const last = chunks.at(-1);
        if (last) {
          position = last;
          controller.enqueue(encoder.encode(chunks.map(format).join("")));
          return;
        }
        if (!options.follow || abort.signal.aborted) return controller.close();
        const changed = nextChange(store, 1_000, abort.signal);
        const row = await store.read
          .selectFrom("deployments")
          .select("status")
          .where("id", "=", id)
          .executeTakeFirst();
        const ended = !row || isFinal(row.status);
        if (ended && (await chunksAfter(store, id, position)).length === 0) return controller.close();
        if (!ended) await changed;
      }
    },
    cancel: () => abort.abort(),
  });
}

/** The last lines of a deployment's log, or null when the log is empty. */
export async function logTail(store: Store, id: string): Promise<string | null> {
  const rows = await store.read
    .selectFrom("log_chunks")
    .select("text")
    .where("deployment_id", "=", id)
    .orderBy("attempt", "desc")
    .orderBy("seq", "desc")
    .limit(TAIL_LINES)
    .execute();
  const text = rows
    .map((row) => row.text)
    .reverse()
    .join("");
  const tail = text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n").slice(-TAIL_CHARACTERS);
  return tail === "" ? null : tail;
}
