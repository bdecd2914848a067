import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import type { Message } from "../../../app/alerts/alert.ts";
import type { Channel } from "../../../app/alerts/channels/channel.ts";
import { StoreWatch } from "../../../app/alerts/store-watch.ts";
import type { Store } from "../../../app/store/store.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { newStore, temporaryDirectory } from "../../helpers/stores.ts";

/** A watch of the instance `backup` over a store that commits nothing, and what it has told. */
function watchBrokenStore(failingPeers: () => string[]) {
  const clock = new SleepersClock();
  const causes: string[] = [];
  const send: Channel["send"] = async ({ alerts }) => void causes.push(...alerts.map(({ cause }) => cause));
  const watch = new StoreWatch({
    store: { engine: "postgres", probe: () => Promise.reject(new Error("it is full")) } as unknown as Store,
    clock,
    instance: "backup",
    preferred: ["primary"],
    failingPeers,
    channels: [{ kinds: ["store_not_writable"], send } as unknown as Channel],
    wording: { store: undefined as never, homeUrl: "https://deploy.example.com/", pageUrl: String },
    stateDirectory: join(tmpdir(), randomUUID()),
    onSent: () => {},
    log: pino({ level: "silent" }),
  });
  onTestFinished(() => watch.close());
  watch.start();
  return {
    causes,
    pass: async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        await clock.asleep();
        clock.advance(1_000);
      }
      await clock.asleep();
    },
  };
}

it("an instance leaves it to a preferred one to tell that the store fails, and tells it once that one is gone", async () => {
  let failing = ["primary"];
  const { causes, pass } = watchBrokenStore(() => failing);
  await pass(10);
  expect(causes).toEqual([]);
  failing = [];
  await pass(1);
  expect(causes).toEqual(["backup: it is full"]);
  await pass(10);
  expect(causes).toHaveLength(1);
});

it("an instance tells nobody of a store that fails for less than three seconds", async () => {
  const { causes, pass } = watchBrokenStore(() => []);
  await pass(2);
  expect(causes).toEqual([]);
  await pass(1);
  expect(causes).toHaveLength(1);
});

it("an instance tells the end of what it told, also when it has died and was started again meanwhile", async () => {
  const stateDirectory = temporaryDirectory();
  const store = await newStore("sqlite");
  let works = false;
  const sent: string[] = [];
  const begin = () => {
    const clock = new SleepersClock();
    const watch = new StoreWatch({
      store: {
        read: store.read,
        can: { copies: false },
        probe: async () => {
          if (!works) throw new Error("it is locked");
        },
        write: store.write.bind(store),
        now: store.now.bind(store),
        notify: store.notify.bind(store),
      } as unknown as Store,
      clock,
      instance: "primary",
      preferred: [],
      failingPeers: () => [],
      channels: [
        {
          kinds: ["store_not_writable"],
          send: async ({ id }: Message) => void sent.push(id),
        } as unknown as Channel,
      ],
      wording: { store, homeUrl: "https://deploy.example.com/", pageUrl: String },
      stateDirectory,
      onSent: () => {},
      log: pino({ level: "silent" }),
    });
    onTestFinished(() => watch.close());
    watch.start();
    return clock;
  };
  const first = begin();
  for (let second = 0; second < 4; second++) {
    await first.asleep();
    first.advance(1_000);
  }
  await expect.poll(() => sent.length).toBe(1);
  // The first one is never heard of again, as after SIGKILL.
  works = true;
  const second = begin();
  await second.asleep();
  const ended = () => store.read.selectFrom("alerts").select(["kind", "state"]).execute();
  expect(await ended()).toEqual([{ kind: "store_not_writable", state: "resolved" }]);
  second.advance(1_000);
  await second.asleep();
  await begin().asleep();
  expect(await ended()).toHaveLength(1);
});
