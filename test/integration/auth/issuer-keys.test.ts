import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { TokenVerifier } from "../../../app/auth/oidc/token-verifier.ts";
import type { RefusalReason } from "../../../app/auth/refusal.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const MINUTE = 60_000;

async function setUp() {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const clock = new ManualClock();
  // Wall-clock time is GitHub's; only the monotonic clock, by which keys age, is moved.
  clock.now = () => Date.now();
  const verifier = new TokenVerifier({ issuer: github.oidc.issuer, audience: "twinhook", clock });
  const token = () => github.oidc.token({ aud: "twinhook", repository: "acme/site" });
  const unknown = (kid: string) => {
    const [header, ...rest] = token().split(".") as [string, string, string];
    const said = JSON.parse(Buffer.from(header, "base64url").toString()) as object;
    return [Buffer.from(JSON.stringify({ ...said, kid })).toString("base64url"), ...rest].join(".");
  };
  const reads = () => github.requests.filter(({ path }) => path.endsWith("/.well-known/jwks")).length;
  return { github, clock, verifier, token, unknown, reads };
}

const refusal = (reason: RefusalReason) => expect.objectContaining({ reason });

it("the issuer's keys are read once, by however many tokens that come together, and kept", async () => {
  const { verifier, token, reads, clock } = await setUp();
  await Promise.all([1, 2, 3].map(() => verifier.verify(token())));
  clock.ms += 9 * MINUTE;
  expect(await verifier.verify(token())).toMatchObject({ repository: "acme/site", event_name: "push" });
  expect(reads()).toBe(1);
  clock.ms += 2 * MINUTE;
  await verifier.verify(token());
  expect(reads()).toBe(2);
});

it("a new key is found with the first token that it signed", async () => {
  const { github, verifier, token, reads, clock } = await setUp();
  await verifier.verify(token());
  const before = token();
  clock.ms += MINUTE;
  github.oidc.rotate();
  await verifier.verify(token());
  await verifier.verify(before);
  expect(reads()).toBe(2);
});

it("a key that was withdrawn is not believed any more after some minutes", async () => {
  const { github, verifier, token, clock } = await setUp();
  const before = token();
  await verifier.verify(before);
  github.oidc.rotate({ withdraw: true });
  clock.ms += 11 * MINUTE;
  await expect(verifier.verify(before)).rejects.toEqual(refusal("unauthenticated"));
});

it("made-up key ids make the issuer be asked once in half a minute at most", async () => {
  const { verifier, token, unknown, reads, clock } = await setUp();
  await verifier.verify(token());
  clock.ms += MINUTE;
  for (let i = 0; i < 20; i++)
    await expect(verifier.verify(unknown(`made-up-${i}`))).rejects.toEqual(refusal("unauthenticated"));
  expect(reads()).toBe(2);
  clock.ms += 31_000;
  await expect(verifier.verify(unknown("made-up"))).rejects.toEqual(refusal("unauthenticated"));
  expect(reads()).toBe(3);
});

it("while the issuer is away, tokens of known keys are checked, for a day, and others are to come again", async () => {
  const { github, verifier, token, unknown, clock } = await setUp();
  await verifier.verify(token());
  await github.goDown();
  clock.ms += 60 * MINUTE;
  await verifier.verify(token());
  await expect(verifier.verify(unknown("perhaps-new"))).rejects.toEqual(
    expect.objectContaining({ reason: "unavailable", retryAfterS: expect.any(Number) }),
  );
  clock.ms += 24 * 60 * MINUTE;
  await expect(verifier.verify(token())).rejects.toEqual(refusal("unavailable"));
  await github.comeBack();
  clock.ms += MINUTE;
  await verifier.verify(token());
});

it.each([
  ["answers nonsense", { kind: "corrupt" } as const],
  ["has trouble", { kind: "status", status: 500 } as const],
  ["cuts the connection", { kind: "reset" } as const],
])("an issuer that %s is asked again soon, but not by every token", async (_what, fault) => {
  const { github, verifier, token, reads, clock } = await setUp();
  const set = github.faults.add(fault, { route: "GET *jwks" });
  for (let i = 0; i < 5; i++) await expect(verifier.verify(token())).rejects.toEqual(refusal("unavailable"));
  expect(reads()).toBe(1);
  set.clear();
  clock.ms += 3_000;
  await verifier.verify(token());
});

it("a token of which any bit was changed proves nothing, and neither does any other text", async () => {
  const { verifier, token } = await setUp();
  await verifier.verify(token());
  const refused = async (text: string) => {
    await expect(verifier.verify(text)).rejects.toEqual(refusal("unauthenticated"));
  };
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 2 }), fc.nat(), fc.nat({ max: 7 }), async (part, place, bit) => {
      const parts = token()
        .split(".")
        .map((text) => Buffer.from(text, "base64url"));
      const bytes = parts[part] as Buffer;
      const at = place % bytes.length;
      bytes[at] = (bytes[at] as number) ^ (1 << bit);
      await refused(parts.map((one) => one.toString("base64url")).join("."));
    }),
    { numRuns: 200 },
  );
  await fc.assert(fc.asyncProperty(fc.string({ unit: "binary" }), refused), { numRuns: 100 });
});
