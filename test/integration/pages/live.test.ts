import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { firstLooksAreOver } from "../../e2e/twins.ts";
import { ENGINES, newDatabaseUrl } from "../../helpers/stores.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

interface Message {
  type: string;
  at: string;
  data: Record<string, unknown>;
}

/** A socket, and everything that came by it. */
class Listener {
  readonly messages: Message[] = [];
  readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data) => this.messages.push(JSON.parse(data.toString()) as Message));
    onTestFinished(() => socket.terminate());
  }

  /** Resolves with the first message, past or future, that `wanted` accepts. */
  async message(wanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.messages.find(wanted);
      if (found) return found;
      await once(this.socket, "message", { signal: AbortSignal.timeout(20_000) });
    }
  }
}

describe.each(ENGINES)("/live, with the %s store", (engine) => {
  let github: GitHub;
  let host: TestHost;
  const address = (instance: string) => host.url(instance, "/live").replace("http", "ws");
  const bearer = { authorization: `Bearer ${ADMIN_TOKEN}` };

  beforeAll(async () => {
    github = await startGitHub();
    for (const name of ["acme/site", "acme/secret"]) github.addRepository(name, { private: true });
    github.repository("acme/site").collaborators.set("pusher", "write");
    host = await TestHost.create({
      github,
      store: await newDatabaseUrl(engine),
      targets: [{}, { repository: "acme/secret", environment: "vault" }],
    });
    await Promise.all([host.startInProcess("primary"), host.startInProcess("backup")]);
    await firstLooksAreOver({ github, host }, "primary");
  });
  afterAll(async () => {
    await host.close();
    await github.close();
  });

  /** Connects; rejects with the status where that is refused. */
  async function listen(instance: string, headers: Record<string, string>): Promise<Listener> {
    const socket = new WebSocket(address(instance), { headers });
    const listener = new Listener(socket);
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("unexpected-response", (_, { statusCode }) => reject(statusCode));
      socket.once("error", reject);
    });
    await listener.message(({ type }) => type === "hello");
    return listener;
  }

  async function session(login?: string): Promise<{ cookie: string; origin: string }> {
    const visitor = new Visitor(host.url("primary"));
    if (login === undefined) await visitor.signInWithToken(ADMIN_TOKEN);
    else {
      github.settings.signedInAs = login;
      await visitor.signInWithGitHub();
    }
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    return { cookie, origin: host.url("primary") };
  }

  /** An event of this repository arrives at this instance; resolves with its deployment. */
  async function deliver(instance: string, repository = "acme/site"): Promise<string> {
    const { event } = github.completeRun({ repository, send: false });
    const answer = (await (await host.sendEvent(instance, event)).json()) as {
      deployments: { id: string }[];
    };
    return answer.deployments[0]?.id ?? "";
  }

  it.each(["//", "/\\", "//a:99999", "nowhere"])(
    "lets go of who says to show %s, and goes on",
    async (show) => {
      const { socket } = await listen("primary", bearer);
      socket.send(JSON.stringify({ show }));
      const [code] = await once(socket, "close");
      expect(code).toBe(1008);
      expect((await fetch(host.url("primary", "/livez"))).status).toBe(200);
    },
  );

  it("keeps no connection to whoever it refuses, even if that one does not close it", async () => {
    const { hostname, port } = new URL(host.url("primary"));
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.write(
      "GET /live HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n",
    );
    let answer = "";
    for await (const part of socket) answer += part;
    expect(answer).toMatch(/^HTTP\/1.1 40[13] /);
    // What is written into a connection that is gone is refused.
    const refused = once(socket, "error");
    const writing = setInterval(() => socket.write("x"), 10);
    onTestFinished(() => clearInterval(writing));
    expect((await refused)[0]).toMatchObject({ code: expect.stringMatching(/EPIPE|ECONNRESET/) });
  });

  it("is closed to whoever proves nothing, and to pages of other places", async () => {
    const known = await session();
    await expect(listen("primary", {})).rejects.toBe(403);
    await expect(listen("primary", { origin: known.origin })).rejects.toBe(401);
    await expect(listen("primary", { ...known, origin: "https://evil.example" })).rejects.toBe(403);
    await expect(listen("primary", { cookie: known.cookie })).rejects.toBe(403);
    await expect(listen("primary", { authorization: "Bearer wrong" })).rejects.toBe(401);
    expect((await fetch(host.url("primary", "/live"))).status).toBe(404);
  });

  it("tells of every state of a deployment, whichever instance took it in", async () => {
    const listeners = await Promise.all([listen("primary", bearer), listen("backup", await session())]);
    for (const instance of ["primary", "backup"]) {
      const id = await deliver(instance);
      for (const listener of listeners) {
        const { at, data } = await listener.message(
          ({ type, data }) => type === "deployment" && data.id === id && data.status === "succeeded",
        );
        expect(Date.parse(at)).toBeGreaterThan(0);
        expect(data).toMatchObject({ repository: "acme/site", accepted_by: instance });
        await listener.message(
          ({ type, data }) => type === "delivery" && (data.deployments as string[]).includes(id),
        );
      }
    }
  });

  it("tells a person only what concerns repositories that they may push to", async () => {
    const pusher = await listen("backup", await session("pusher"));
    const admin = await listen("backup", bearer);
    const secret = await deliver("primary", "acme/secret");
    await admin.message(({ type, data }) => type === "deployment" && data.id === secret);
    const open = await deliver("primary");
    await pusher.message(({ type, data }) => type === "deployment" && data.id === open);
    expect(JSON.stringify(pusher.messages)).not.toContain("acme/secret");

    pusher.socket.send(JSON.stringify({ show: `/deployments/${secret}` }));
    const { data } = await pusher.message(({ type }) => type === "trouble");
    expect(data.detail).toBe("there is no deployment with this id");
    // While it cannot be shown there is no word that what is shown is so now.
    const { length } = pusher.messages;
    const since = Date.now();
    await admin.message(({ type, at }) => type === "beat" && Date.parse(at) > since + 1_500);
    expect(pusher.messages.slice(length).map(({ type }) => type)).not.toContain("beat");
    pusher.socket.send(JSON.stringify({ show: "/" }));
    const page = await pusher.message(({ type }) => type === "page");
    expect(JSON.stringify(page)).not.toContain("acme/secret");
    expect(JSON.stringify(page)).not.toContain("Switch over…");
  });

  it("tells of a switchover, and shows the same page on every instance", async () => {
    const listeners = await Promise.all(["primary", "backup"].map((name) => listen(name, bearer)));
    await listeners[0]?.message(({ type }) => type === "beat");
    const { active } = (await (await host.admin("primary", "GET", "/api/status")).json()) as {
      active: string;
    };
    const to = active === "primary" ? "backup" : "primary";
    await host.admin("primary", "POST", "/api/switchover", { to, reason: "trying it", force: true });
    for (const listener of listeners) {
      await listener.message(({ type, data }) => type === "switchboard" && data.pinned === to);
      const { data } = await listener.message(
        ({ type, data }) => type === "failover" && data.kind === "switchover" && data.verified_at !== null,
      );
      expect(data).toMatchObject({ from: active, to, reason: `${to} was pinned` });
      expect(Number(data.duration_ms)).toBeGreaterThanOrEqual(0);
    }
    const shown = await Promise.all(
      listeners.map(async (listener) => {
        listener.socket.send(JSON.stringify({ show: "/" }));
        const { regions } = (await listener.message(({ type }) => type === "page")).data as {
          regions: Record<string, string>;
        };
        // Which of them shows it is the only difference.
        return [regions.verdict, regions.changes, regions.targets, regions.deployments];
      }),
    );
    expect(shown[0]).toEqual(shown[1]);
    await host.admin("primary", "DELETE", "/api/switchover");
  });

  it("lets whoever talks something else go, and goes on for all others", async () => {
    const other = await listen("primary", bearer);
    for (const nonsense of ["{", '{"show":5}', '{"show":"https://evil.example/"}', "x".repeat(10_000)]) {
      const rude = await listen("primary", bearer);
      rude.socket.send(nonsense);
      await once(rude.socket, "close");
    }
    const id = await deliver("primary");
    await other.message(({ type, data }) => type === "deployment" && data.id === id);
  });
});
