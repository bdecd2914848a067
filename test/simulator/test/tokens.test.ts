import { createPublicKey, generateKeyPairSync, type JsonWebKey, verify } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appJwt } from "../client-jwt.ts";
import { type GitHub, startGitHub } from "../simulator.ts";

let github: GitHub;
beforeAll(async () => {
  github = await startGitHub();
  github.addRepository("acme/site");
  github.addRepository("acme/docs");
  github.addRepository("other/thing");
});
afterAll(() => github.close());

async function ask(path: string, credential?: string, method = "GET", body?: unknown) {
  const response = await fetch(github.url + path, {
    method,
    ...(credential && { headers: { authorization: `Bearer ${credential}` } }),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: JSON.parse(await response.text()) };
}

async function installationToken(body?: unknown): Promise<string> {
  const { installation_id } = github.repository("acme/site");
  const path = `/app/installations/${installation_id}/access_tokens`;
  return (await ask(path, appJwt(github.app), "POST", body)).json.token;
}

describe("the App's JWT", () => {
  const now = () => Math.floor(github.clock.now() / 1000);

  test("is accepted with the App's id or its client id", async () => {
    expect((await ask("/app", appJwt(github.app))).status).toBe(200);
    expect((await ask("/app", appJwt(github.app, { iss: String(github.app.id) }))).status).toBe(200);
    expect((await ask("/app", appJwt(github.app, { iss: github.app.clientId }))).status).toBe(200);
  });

  test.each([
    ["lives longer than 10 minutes", () => ({ exp: now() + 700 }), /too far in the future/],
    ["has expired", () => ({ exp: now() - 1 }), /Expiration time/],
    ["was issued in the future", () => ({ iat: now() + 30 }), /Issued at/],
    ["names another App", () => ({ iss: 1 }), /Issuer/],
  ])("is refused when it %s", async (_name, claims, message) => {
    const { status, json } = await ask("/app", appJwt(github.app, claims()));
    expect(status).toBe(401);
    expect(json.message).toMatch(message);
  });

  test("is refused when another key signed it, or when it was changed", async () => {
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs1", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    expect((await ask("/app", appJwt({ id: github.app.id, privateKey }))).status).toBe(401);
    const [head, , signature] = appJwt(github.app).split(".");
    const claims = Buffer.from(JSON.stringify({ iss: github.app.id, iat: now(), exp: now() + 60 }));
    expect((await ask("/app", `${head}.${claims.toString("base64url")}.${signature}`)).status).toBe(401);
    expect((await ask("/app", "a.b.c")).json.message).toMatch(/could not be decoded/);
  });
});

describe("an installation token", () => {
  test("is about 520 characters long, and reaches the installation's repositories alone", async () => {
    const token = await installationToken();
    expect(token).toMatch(/^ghs_[0-9A-Za-z]{516}$/);
    const { json } = await ask("/installation/repositories", token);
    expect(json.repositories.map(({ name }: { name: string }) => name)).toEqual(["site", "docs"]);
    expect((await ask("/repos/other/thing", token)).status).toBe(404);
    expect((await ask("/app", token)).status).toBe(401);
  });

  test("may be limited to repositories and permissions, but not exceed what the App has", async () => {
    const token = await installationToken({ repositories: ["docs"], permissions: { deployments: "read" } });
    expect((await ask("/repos/acme/site", token)).status).toBe(404);
    const made = await ask("/repos/acme/docs/deployments", token, "POST", { ref: "main" });
    expect(made).toMatchObject({ status: 403, json: { message: "Resource not accessible by integration" } });
    const { installation_id } = github.repository("acme/site");
    const path = `/app/installations/${installation_id}/access_tokens`;
    const more = await ask(path, appJwt(github.app), "POST", { permissions: { contents: "write" } });
    expect(more.status).toBe(422);
  });

  test("is worthless after an hour, when revoked, or when nobody handed it out", async () => {
    const token = await installationToken();
    github.clock.advance(3_599_000);
    expect((await ask("/repos/acme/site", token)).status).toBe(200);
    github.clock.advance(2_000);
    expect(await ask("/repos/acme/site", token)).toMatchObject({
      status: 401,
      json: { message: "Bad credentials" },
    });
    github.clock.advance(-3_601_000);
    const another = await installationToken();
    github.revokeTokens();
    expect((await ask("/repos/acme/site", another)).status).toBe(401);
    expect((await ask("/repos/acme/site", `ghs_${"x".repeat(516)}`)).status).toBe(401);
    expect((await ask("/repos/acme/site")).status).toBe(401);
  });
});

describe("a job's GITHUB_TOKEN", () => {
  test("may do what its workflow's permissions say, in its repository", async () => {
    const body = { ref: "main", auto_merge: false, required_contexts: [] };
    const path = "/repos/acme/site/deployments";
    const without = github.githubToken("acme/site", { contents: "read" });
    expect(await ask(path, without, "POST", body)).toMatchObject({
      status: 403,
      json: { message: "Resource not accessible by integration" },
    });
    const granted = github.githubToken("acme/site", { deployments: "write" });
    expect((await ask(path, granted, "POST", body)).status).toBe(201);
    expect((await ask("/repos/acme/docs/deployments", granted, "POST", body)).status).toBe(404);
  });
});

describe("a job's OIDC token", () => {
  test("is minted by the runner's endpoint for the audience, and verifies against the published keys", async () => {
    const env = github.jobEnvironment({
      repository: "acme/site",
      run_id: 77,
      run_attempt: 2,
      ref: "refs/heads/main",
    });
    const url = `${env.ACTIONS_ID_TOKEN_REQUEST_URL}&audience=twinhook`;
    const headers = { authorization: `Bearer ${env.ACTIONS_ID_TOKEN_REQUEST_TOKEN}` };
    const { value } = JSON.parse(await (await fetch(url, { headers })).text());
    const claims = await claimsOf(value);
    expect(claims).toMatchObject({
      iss: github.environment().TWINHOOK_OIDC_ISSUER,
      aud: "twinhook",
      repository: "acme/site",
      repository_id: String(github.repository("acme/site").id),
      run_id: "77",
      run_attempt: "2",
      workflow_ref: "acme/site/.github/workflows/deploy.yml@refs/heads/main",
    });
    expect(claims.exp - claims.iat).toBe(300);
    await expect(claimsOf(`${value.slice(0, -8)}AAAAAAAA`)).rejects.toThrow("signature");
  });

  test("is refused to a job without the runner's token", async () => {
    const { ACTIONS_ID_TOKEN_REQUEST_URL: url = "" } = github.jobEnvironment();
    expect((await fetch(url)).status).toBe(401);
  });

  test("may be made wrong in any claim, and is still signed", async () => {
    const wrong = { exp: 1, iss: "https://elsewhere.example", repository_id: "1", nonsense: true };
    expect(await claimsOf(github.oidc.token(wrong))).toMatchObject(wrong);
  });
});

/** Verifies a token as a relying party does: with the issuer's published documents alone. */
async function claimsOf(token: string) {
  const read = async (url: string) => JSON.parse(await (await fetch(url)).text());
  const { jwks_uri } = await read(`${github.oidc.issuer}/.well-known/openid-configuration`);
  const [head = "", body = "", signature = ""] = token.split(".");
  const header = JSON.parse(Buffer.from(head, "base64url").toString());
  const { keys } = (await read(jwks_uri)) as { keys: (JsonWebKey & { kid: string })[] };
  const key = keys.find(({ kid }) => kid === header.kid);
  if (!key) throw new Error("unknown key");
  const publicKey = createPublicKey({ key, format: "jwk" });
  const signed = Buffer.from(`${head}.${body}`);
  if (!verify("RSA-SHA256", signed, publicKey, Buffer.from(signature, "base64url")))
    throw new Error("signature");
  return JSON.parse(Buffer.from(body, "base64url").toString());
}

describe("signing in", () => {
  test("leads through the authorize page to a user's token that shows the person's rights", async () => {
    github.settings.signedInAs = "hubot";
    github.repository("acme/site").collaborators.set("hubot", "write");
    const { clientId, clientSecret } = github.app;
    const back = "http://127.0.0.1/callback";
    const page = `/login/oauth/authorize?client_id=${clientId}&state=s1&redirect_uri=${encodeURIComponent(back)}`;
    const sent = await fetch(github.url + page, { redirect: "manual" });
    const location = new URL(sent.headers.get("location") ?? "");
    expect(location.searchParams.get("state")).toBe("s1");
    const code = location.searchParams.get("code");
    const credentials = { client_id: clientId, client_secret: clientSecret, code };
    const { json } = await ask("/login/oauth/access_token", undefined, "POST", credentials);
    expect((await ask("/user", json.access_token)).json.login).toBe("hubot");
    const { permissions } = (await ask("/repos/acme/site", json.access_token)).json;
    expect(permissions).toMatchObject({ admin: false, push: true });
    const again = await ask("/login/oauth/access_token", undefined, "POST", credentials);
    expect(again.json.error).toBe("bad_verification_code");
  });
});

describe("a private repository", () => {
  test("exists only for those who may see it", async () => {
    const repository = github.addRepository("acme/secret", { private: true });
    repository.collaborators.set("reader", "read");
    expect((await ask("/repos/acme/secret", github.userToken("stranger"))).status).toBe(404);
    const seen = await ask("/repos/acme/secret", github.userToken("reader"));
    expect(seen.json.permissions).toMatchObject({ pull: true, push: false });
    const token = await installationToken();
    const right = async (login: string) =>
      (await ask(`/repos/acme/secret/collaborators/${login}/permission`, token)).json.permission;
    expect([await right("octocat"), await right("reader"), await right("stranger")]).toEqual([
      "admin",
      "read",
      "none",
    ]);
  });
});

describe("the manifest flow", () => {
  test("turns a manifest into the App's credentials, once", async () => {
    const manifest = {
      name: "x",
      url: "https://x.example",
      redirect_url: "http://127.0.0.1/setup",
      hook_attributes: { url: "https://x.example/hook" },
    };
    const form = new URLSearchParams({ manifest: JSON.stringify(manifest) });
    const init = { method: "POST", body: form, redirect: "manual" } as const;
    const sent = await fetch(`${github.url}/settings/apps/new?state=s2`, init);
    const location = new URL(sent.headers.get("location") ?? "");
    expect(location.searchParams.get("state")).toBe("s2");
    const path = `/app-manifests/${location.searchParams.get("code")}/conversions`;
    const { status, json } = await ask(path, undefined, "POST");
    expect(status).toBe(201);
    expect(json).toMatchObject({
      id: github.app.id,
      pem: github.app.privateKey,
      webhook_secret: expect.any(String),
    });
    expect(github.hook.config.url).toBe("https://x.example/hook");
    expect((await ask(path, undefined, "POST")).status).toBe(404);
  });
});
