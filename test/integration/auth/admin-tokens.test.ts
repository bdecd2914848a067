import { pino } from "pino";
import { describe, it } from "vitest";
import { AdminTokens } from "../../../app/auth/admin-tokens.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";

const MINUTE_MS = 60_000;

async function setup(engine: Engine) {
  const store = await newStore(engine);
  const clock = new ManualClock();
  clock.ms = Date.parse("2030-01-01T00:00:00Z");
  const options = { store, clock, log: pino({ level: "silent" }) };
  const tokens = new AdminTokens(options);
  return {
    clock,
    tokens,
    /** The same at another instance. */
    peer: new AdminTokens(options),
    make: (expiresAt: number | null = null) =>
      tokens.make({ name: "ci-bot", scopes: ["read"], expiresAt, by: "admin token" }),
    lastUsed: async () => (await tokens.list())[0]?.lastUsedAt,
  };
}

describe.concurrent.each(ENGINES)("named tokens, on %s", (engine) => {
  it("are good until they expire, and not a moment longer", async ({ expect }) => {
    const { clock, make, peer } = await setup(engine);
    const { token } = await make(clock.ms + MINUTE_MS);
    clock.ms += MINUTE_MS - 1;
    expect(await peer.viewerWith(token)).toEqual({ kind: "token", name: "ci-bot", scopes: ["read"] });
    clock.ms += 1;
    await expect(peer.viewerWith(token)).rejects.toMatchObject({
      reason: "unauthenticated",
      message: expect.stringMatching(/ci-bot expired at 2030-01-01T00:01:00.000Z; make another/),
    });
  });

  it("are unknown at every instance once revoked, and their name is free again", async ({ expect }) => {
    const { make, tokens, peer } = await setup(engine);
    const { token } = await make();
    await expect(make()).rejects.toMatchObject({ reason: "conflict" });
    await tokens.revoke("ci-bot");
    expect(await peer.viewerWith(token)).toBeNull();
    const { token: next } = await make();
    expect(next).not.toBe(token);
    await expect(tokens.revoke("other")).rejects.toMatchObject({ reason: "not_found" });
  });

  it("note their last use once a minute", async ({ expect }) => {
    const { clock, make, tokens, peer, lastUsed } = await setup(engine);
    const { token } = await make();
    const first = clock.ms;
    await tokens.viewerWith(token);
    await expect.poll(lastUsed).toBe(first);
    clock.ms = first + MINUTE_MS - 1;
    for (const instance of [tokens, peer]) await instance.viewerWith(token);
    clock.ms = first + MINUTE_MS;
    await peer.viewerWith(token);
    // An earlier write would have been noted before this one.
    await expect.poll(lastUsed).toBe(first + MINUTE_MS);
  });
});
