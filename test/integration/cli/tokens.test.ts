import { expect, test } from "vitest";
import type { TokenListAnswer, TokenMadeAnswer } from "../../../app/reads/answers/token.ts";
import { setScene } from "./scene.ts";

test("token create prints the token alone, list shows what it may, and revoke ends it", async () => {
  const { host, twinhook, json } = await setScene();
  await host.startInProcess("primary");
  const made = await twinhook([
    "token",
    "create",
    "ci-bot",
    "--scope",
    "read",
    "deploy:acme/site/production",
  ]);
  expect([made.code, made.out]).toEqual([0, expect.stringMatching(/^twh_[0-9a-f]{64}\n$/)]);
  expect(made.err).toContain("keep the token ci-bot now");
  const token = made.out.trim();
  expect((await twinhook(["status", "--token", token])).code).toBe(0);
  const { items } = await json<TokenListAnswer>("token", "list");
  expect(items).toMatchObject([{ name: "ci-bot", scopes: ["read", "deploy:acme/site/production"] }]);

  const spare = await json<TokenMadeAnswer>(
    "token",
    "create",
    "spare",
    "--scope",
    "admin",
    "--expires",
    "90d",
  );
  const days = (Date.parse(spare.expires_at ?? "") - Date.parse(spare.created_at)) / 86_400_000;
  expect(days).toBeCloseTo(90, 1);
  expect(await json("token", "revoke", "ci-bot")).toMatchObject({ name: "ci-bot" });
  expect((await twinhook(["status", "--token", token])).code).toBe(77);

  for (const [args, code, said] of [
    [["create", "x"], 2, /--scope/],
    [
      ["create", "x", "--scope", "write"],
      2,
      /expected read, deploy:OWNER\/REPO\/TARGET or admin, got "write"/,
    ],
    [["create", "x", "--scope", "read", "--expires", "soon"], 2, /--expires: expected/],
    [["revoke", "nobody"], 1, /there is no token nobody/],
  ] as const) {
    const ended = await twinhook(["token", ...args]);
    expect([args, ended.code, ended.err]).toEqual([args, code, expect.stringMatching(said)]);
  }
});
