import { expect, it, onTestFinished } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { startPostgres } from "../../helpers/postgres.ts";
import { reopen } from "../../helpers/stores.ts";

it("the PostgreSQL store reports a lost connection, and resumes by itself when the server is back", async () => {
  const server = await startPostgres({ persistent: true });
  onTestFinished(() => server.stop());
  const url = await server.createDatabase();
  const store = await reopen({ engine: "postgres", url });
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  await acceptor.accept(runArrival(1, [testTarget()]));
  await server.pause();
  const refused = acceptor.accept(runArrival(2, [testTarget()]));
  await expect(refused).rejects.toMatchObject({ name: "StoreUnavailableError", reason: "unreachable" });
  await expect(store.probe(1_000)).rejects.toThrow(/DATABASE_URL/);
  await server.resume();
  await acceptor.accept(runArrival(2, [testTarget()]));
  expect(await store.read.selectFrom("deliveries").select("id").execute()).toHaveLength(2);
});
