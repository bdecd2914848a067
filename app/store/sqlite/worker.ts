/** The thread of one SQLite database. A slow disk never blocks the event loop of the instance. */
import { flushCompileCache } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import { shrinkHeapAfterStart } from "../../shrink-heap.ts";
import {
  type DatabaseAnswer,
  type DatabaseOptions,
  type DatabaseRequest,
  SqliteDatabase,
} from "./database.ts";

export type WorkerRequest = DatabaseRequest & { id: number };
export type WorkerReply = (DatabaseAnswer & { id: number }) | { change: true };

const port = parentPort as NonNullable<typeof parentPort>;
const reply = (message: WorkerReply) => port.postMessage(message);
const database = new SqliteDatabase(workerData as DatabaseOptions, () => reply({ change: true }));
port.on("message", async ({ id, ...request }: WorkerRequest) =>
  reply({ id, ...(await database.ask(request as DatabaseRequest)) }),
);
// A thread has a compile cache of its own, and its process may be killed at any time.
flushCompileCache();
shrinkHeapAfterStart();
