import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { atTestEnd } from "../helpers/at-test-end.ts";
import { eventually } from "../helpers/eventually.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { temporaryDirectory } from "../helpers/stores.ts";

const EXAMPLES = resolve(import.meta.dirname, "../../examples/proxies");
/** A large event of GitHub's: more than HAProxy repeats by default. */
const EVENT = JSON.stringify({ padding: "x".repeat(60_000) });
const WEBHOOKS = "/api/github/webhooks";

/** What a proxy sees of an instance. `locked` is one whose store takes no commit. */
class Instance {
  state: "well" | "frozen" | "locked" = "well";
  taken = 0;
  readonly port: number;
  #server: Server | undefined;

  constructor(port: number) {
    this.port = port;
  }

  async start(): Promise<void> {
    this.state = "well";
    this.#server = createServer((request, response) => {
      if (this.state === "frozen") return;
      if (this.state === "locked") return void response.writeHead(503, { "retry-after": "1" }).end();
      request.resume().on("end", () => {
        if (request.method === "POST") this.taken++;
        response.writeHead(request.method === "POST" ? 202 : 200).end();
      });
    }).listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    this.#server?.closeAllConnections();
    await closed;
  }
}

/** How to run a program with the text of its example, and what of the text holds only for a real host. */
const PROXIES = {
  nginx: {
    file: "nginx.conf",
    version: "-v",
    local: (text: string, folder: string, ports: readonly number[]) =>
      `pid ${folder}/pid; error_log stderr; events {} http { access_log off;
${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`).join("\n")}
${text.replace(/^ssl_.*$/gm, "").replaceAll(/listen (\d+) ssl;/g, (_, port) => `listen 127.0.0.1:${ports[OWN.indexOf(port)]};`)}}`,
    args: (file: string) => ["-e", "stderr", "-c", file, "-g", "daemon off; master_process off;"],
  },
  haproxy: {
    file: "haproxy.cfg",
    version: "-v",
    local: (text: string, _: string, ports: readonly number[]) =>
      text.replaceAll(/bind :(\d+) ssl crt \S+/g, (_, port) => `bind 127.0.0.1:${ports[OWN.indexOf(port)]}`),
    args: (file: string) => ["-f", file],
  },
  caddy: {
    file: "Caddyfile",
    version: "version",
    local: (text: string, _: string, ports: readonly number[]) =>
      `{\n\tadmin off\n}\n${text.replaceAll(/https:\/\/\{\$TWINHOOK_HOST[^}]*\}(?::(\d+))?/g, (_, port) => `http://127.0.0.1:${ports[OWN.indexOf(port ?? "443")]}`)}`,
    args: (file: string) => ["run", "--adapter", "caddyfile", "--config", file],
  },
} as const;
/** The ports of the examples: of each instance, and of the one URL. */
const OWN = ["9000", "9001", "443"];

/**
 * Starts a program with its example, before two instances. A busy machine is no fault of theirs: checks take an
 * instance out of HAProxy late or never, and only the impatient have the real time limit.
 */
async function startProxy(name: keyof typeof PROXIES, isImpatient = false) {
  const { file, local, args } = PROXIES[name];
  const [first = 0, second = 0, ...ports] = await freePorts(5);
  const [primary, backup] = [new Instance(first), new Instance(second)];
  await Promise.all([primary.start(), backup.start()]);
  const folder = temporaryDirectory();
  // A frozen server must be out by HAProxy's time limit: else it may get the same request again.
  const fall = `fall ${isImpatient ? 4 : 1_000}`;
  const example = readFileSync(join(EXAMPLES, file), "utf8").replace("fall 2", fall);
  const text = (isImpatient ? example : example.replaceAll(/\b6s\b/g, "60s"))
    .replaceAll("127.0.0.1:9100", `127.0.0.1:${first}`)
    .replaceAll("127.0.0.1:9101", `127.0.0.1:${second}`);
  const config = join(folder, file);
  writeFileSync(config, local(text, folder, ports));
  const proxy = spawn(name, args(config), {
    env: { PATH: process.env.PATH, HOME: folder },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  proxy.stderr.on("data", (data) => {
    said += data;
  });
  const ended = once(proxy, "exit");
  atTestEnd(async () => {
    proxy.kill("SIGKILL");
    await ended;
    await Promise.all([primary.kill(), backup.kill()]);
  });
  const [primaryUrl = "", backupUrl = "", oneUrl = ""] = ports.map((port) => `http://127.0.0.1:${port}`);
  await eventually(async () => {
    if (proxy.exitCode !== null) return;
    if ((await send(oneUrl)) !== 202) throw new Error(`${name} does not pass events on: ${said}`);
  });
  if (proxy.exitCode !== null) throw new Error(`${name} ended: ${said}`);
  return { primary, backup, primaryUrl, backupUrl, oneUrl };
}

/** Sends an event, as GitHub does. */
async function send(url: string): Promise<number> {
  const response = await fetch(`${url}${WEBHOOKS}`, { method: "POST", body: EVENT });
  await response.arrayBuffer();
  return response.status;
}

/**
 * Sends events without a pause, four at a time, while something happens to the primary, until the backup has
 * taken some.
 * @returns the statuses of the events that were refused.
 */
async function refusedWhile(
  { oneUrl, primary, backup }: Awaited<ReturnType<typeof startProxy>>,
  happens: () => unknown,
): Promise<number[]> {
  const refused: number[] = [];
  let isOver = false;
  const sendAll = async () => {
    while (!isOver) {
      const status = await send(oneUrl);
      if (status !== 202) refused.push(status);
    }
  };
  const senders = [sendAll(), sendAll(), sendAll(), sendAll()];
  const taken = (by: Instance, count: number) =>
    eventually(() => {
      if (by.taken < count) throw new Error("not yet");
    });
  await taken(primary, 10);
  await happens();
  await taken(backup, 4);
  isOver = true;
  await Promise.all(senders);
  return refused;
}

const FAULTS = {
  killed: (primary: Instance) => primary.kill(),
  frozen: (primary: Instance) => {
    primary.state = "frozen";
  },
  "without its store": (primary: Instance) => {
    primary.state = "locked";
  },
};

for (const [name, { version }] of Object.entries(PROXIES) as [keyof typeof PROXIES, { version: string }][]) {
  const isInstalled = spawnSync(name, [version]).status === 0;
  if (!isInstalled) console.log(`${name} is not installed, so its example is not tried`);
  describe.skipIf(!isInstalled).concurrent(`${name}, as in the example`, () => {
    test("gives each instance a URL of its own", async ({ expect }) => {
      const { primary, backup, primaryUrl, backupUrl } = await startProxy(name);
      for (const [url, instance] of [
        [primaryUrl, primary],
        [backupUrl, backup],
      ] as const) {
        const before = instance.taken;
        expect(await send(url)).toBe(202);
        expect(instance.taken).toBe(before + 1);
      }
    });

    test.each(Object.entries(FAULTS))(
      "passes events on to the backup, with the primary %s",
      async (fault, happens) => {
        const setting = await startProxy(name, fault === "frozen");
        const refused = await refusedWhile(setting, () => happens(setting.primary));
        // Caddy repeats no POST, and says so to GitHub: the controller finds these events in its log.
        if (name === "caddy") for (const status of refused) expect([502, 503, 504]).toContain(status);
        else expect(refused).toEqual([]);
      },
    );
  });
}
