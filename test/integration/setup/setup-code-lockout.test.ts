import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { enterCode } from "../../../app/setup/enter-code.ts";
import { OwnCode, type SetupCodes, StoredCodes } from "../../../app/setup/setup-code.ts";
import { SetupSessions } from "../../../app/setup/setup-sessions.ts";
import type { Store } from "../../../app/store/store.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { ENGINES, newStore } from "../../helpers/stores.ts";

const HERE = "http://127.0.0.1:9100";

/** The form that takes the code, and every code that was printed. */
function codeForm(codes: (tell: (code: string) => void) => SetupCodes) {
  const printed: string[] = [];
  const key = Buffer.alloc(32, 1);
  const made = codes((code) => printed.push(code));
  const sessions = new SetupSessions({ key, clock: new ManualClock(), codes: made, origins: [] });
  const app = new Hono();
  app.post("/setup/code", (c) => enterCode(c, sessions));
  const enter = async (code: string) => {
    const headers = { origin: HERE, host: new URL(HERE).host };
    const body = new URLSearchParams({ code });
    return (await app.request(`${HERE}/setup/code`, { method: "POST", headers, body })).status;
  };
  /** Wrong codes until one is refused for their number. */
  const useUpAllowance = async () => {
    for (let guess = 0; guess < 100; guess++) if ((await enter(`guess ${guess}`)) === 429) return;
    throw new Error("no number of wrong codes is too many");
  };
  return { made, printed, enter, useUpAllowance };
}

async function storedCodeForm(store: Store) {
  const form = codeForm(
    (tell) => new StoredCodes({ store, key: Buffer.alloc(32, 2), instance: "primary", tell }),
  );
  await (form.made as StoredCodes).renew();
  return form;
}

describe("the setup code, while strangers try codes without end", () => {
  it("lets its owner in where there is no App yet", async () => {
    const { made, printed, enter, useUpAllowance } = codeForm((tell) => new OwnCode(tell));
    (made as OwnCode).announce();
    await useUpAllowance();
    expect(await enter(printed[0] ?? "")).toBe(303);
  });

  it.each(ENGINES)("lets its owner in where instances run, on %s", async (engine) => {
    const { printed, enter, useUpAllowance } = await storedCodeForm(await newStore(engine));
    await useUpAllowance();
    expect(await enter(printed[0] ?? "")).toBe(303);
    expect(await enter(printed[0] ?? "")).toBe(429);
  });

  it.each(ENGINES)("lets in one of those who enter it at the same time, on %s", async (engine) => {
    const { printed, enter } = await storedCodeForm(await newStore(engine));
    const code = printed[0] ?? "";
    expect((await Promise.all([enter(code), enter(code)])).toSorted()).toEqual([303, 401]);
  });

  it.each(ENGINES)("costs the store no commit for a wrong code, on %s", async (engine) => {
    const store = await newStore(engine);
    const { enter } = await storedCodeForm(store);
    const { write } = store;
    let commits = 0;
    store.write = (work) => {
      commits += 1;
      return write.call(store, work) as never;
    };
    expect(await enter("AAAA-AAAA-AAAA")).toBe(401);
    expect(commits).toBe(0);
  });
});
