import {
  chmodSync,
  closeSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { doctor } from "../../../app/cli/doctor/doctor.ts";
import type { Finding } from "../../../app/cli/doctor/finding.ts";
import { type Machine, thisMachine } from "../../../app/cli/doctor/machine.ts";
import type { StatusAnswer } from "../../../app/reads/answers/status.ts";
import { SCHEMA_VERSION } from "../../../app/store/schema-version.ts";
import { INSTANCE_HEADER } from "../../../shared/instance-header.ts";
import { eventually } from "../../helpers/eventually.ts";
import { freePort } from "../../helpers/free-ports.ts";
import { makePrivateCa } from "../../helpers/private-ca.ts";
import { RecordedTerminal } from "../../helpers/recorded-terminal.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const UNIT = "[Service]\nKillMode=process\nTimeoutStopSec=1min\nRestart=always\n";
const DAY_MS = 86_400_000;

type FileConfig = {
  instances: { name: string; url: string; listen: string }[];
  targets: Record<string, unknown>[];
} & Record<string, unknown>;

let github: GitHub;
let host: TestHost;
/** Undoes what a test has planted, the last thing first. */
const undo: (() => unknown)[] = [];

beforeAll(async () => {
  github = await startGitHub();
  github.addRepository("acme/site");
  host = await TestHost.create({
    github,
    config: { alerts: [{ type: "slack", url_env: "SLACK" }] },
    env: { SLACK: "https://hooks.slack.example/1" },
  });
  await Promise.all([host.startInProcess("primary"), host.startInProcess("backup")]);
  await eventually(async () => {
    const status = (await (await host.admin("primary", "GET", "/api/status")).json()) as StatusAnswer;
    expect(status.webhook.in_sync).toBe(true);
    expect(status.endpoints.map((endpoint) => endpoint.status)).toEqual(["healthy", "healthy"]);
  });
  // An instance in this process makes files as this process does.
  chmodSync(join(host.stateDirectory, "twinhook.db"), 0o600);
});
afterAll(async () => {
  await host.close();
  await github.close();
});

/** What is wrong with the installation, as far as the doctor sees it. */
interface Planted {
  env?: NodeJS.ProcessEnv;
  machine?: Partial<Machine>;
  /** Changes what the configuration says; the instances keep theirs. */
  config?: (config: FileConfig) => void;
}

async function examine({ env = {}, machine = {}, config }: Planted = {}) {
  const units = temporaryDirectory();
  writeFileSync(join(units, "twinhook.service"), UNIT);
  const file = join(host.directory, "examined.yml");
  const content = parse(readFileSync(host.configFile, "utf8")) as FileConfig;
  config?.(content);
  writeFileSync(file, stringify(content));
  const terminal = new RecordedTerminal({ ...host.env, TWINHOOK_CONFIG: file, ...env });
  const code = await doctor(
    terminal,
    { json: true },
    // A busy disk of the test's machine is no fault of the installation.
    { ...thisMachine, syncMs: () => 1, pollSeconds: 0, hasSystemd: true, unitFolders: [units], ...machine },
  );
  return { code, findings: (terminal.json as { findings: Finding[] }).findings };
}

async function serve(answer: RequestListener, tls?: { cert: string; key: string }): Promise<string> {
  const server: Server = tls
    ? createTlsServer(tls, answer)
    : createServer(answer).on("checkContinue", answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  undo.push(() => server.close());
  return `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The configuration with another URL of the primary. */
const primaryAt = (url: string): Planted => ({
  config: ({ instances }) => {
    (instances[0] as { url: string }).url = url;
  },
});

/** A proxy before the primary that gives up on an answer after this time by the doctor's clock (ms). */
async function impatient(afterMs: number): Promise<Planted> {
  let ahead = 0;
  const url = await serve(({ url }, response) => {
    if (!url?.startsWith("/livez"))
      return void response.writeHead(200, { [INSTANCE_HEADER]: "primary" }).end("{}");
    ahead = afterMs;
    response.writeHead(504).end();
  });
  return { ...primaryAt(url), machine: { now: () => Date.now() + ahead, pollSeconds: 1 } };
}

/** A server that gives every request this answer. */
async function answering(status: number, headers: Record<string, string> = {}): Promise<Planted> {
  return primaryAt(await serve((_request, response) => response.writeHead(status, headers).end()));
}

function unit(from: string, to: string): Planted {
  const units = temporaryDirectory();
  writeFileSync(join(units, "twinhook.service"), UNIT.replace(from, to));
  return { machine: { unitFolders: [units] } };
}

/** A store of its own, which `spoil` makes unusable. */
function spoiled(spoil: (path: string) => void): Planted {
  const path = join(temporaryDirectory(), "twinhook.db");
  const source = new DatabaseSync(join(host.stateDirectory, "twinhook.db"), { readOnly: true });
  source.prepare("VACUUM INTO ?").run(path);
  source.close();
  chmodSync(path, 0o600);
  spoil(path);
  return { config: (config) => Object.assign(config, { store: `sqlite:${path}` }) };
}

const schema = (version: number, min = version) =>
  spoiled((path) => {
    const database = new DatabaseSync(path);
    database.prepare("UPDATE twinhook_version SET version = ?, min_code_version = ?").run(version, min);
    database.close();
  });

/** Plants a fault in the simulated GitHub until the test has ended. */
function atGitHub(plant: () => void, mend: () => void): Planted {
  plant();
  undo.push(mend);
  return {};
}

test("a healthy installation has no finding, and the exit code is 0", async () => {
  const { code, findings } = await examine();
  expect(findings.filter(({ status }) => status !== "ok")).toEqual([]);
  expect(code).toBe(0);
});

/** Each fault, the check that finds it, and words of the finding and its remedy. */
const FAULTS: [
  string,
  () => Planted | Promise<Planted>,
  Finding["check"],
  Finding["status"],
  RegExp,
  RegExp,
][] = [
  [
    "an old Node.js",
    () => ({ machine: { nodeVersion: "22.1.0" } }),
    "Node.js",
    "failed",
    /22\.1\.0/,
    /install Node/,
  ],
  [
    "a mistake in twinhook.yml",
    () => ({ config: (c) => Object.assign(c, { retention: { deployments: 30 } }) }),
    "configuration",
    "failed",
    /retention\.deployments/,
    /./,
  ],
  [
    "a missing key",
    () => ({ env: { PRIVATE_KEY: "" } }),
    "configuration",
    "failed",
    /PRIVATE_KEY/,
    /generate one/,
  ],
  [
    "a URL that others can read",
    () => primaryAt("http://198.51.100.7:9"),
    "configuration",
    "warning",
    /not encrypted/,
    /use https/,
  ],
  [
    "no admin token",
    () => ({ env: { TWINHOOK_ADMIN_TOKEN: "" } }),
    "admin token",
    "warning",
    /not set/,
    /openssl/,
  ],
  [
    "a wrong admin token",
    () => ({ env: { TWINHOOK_ADMIN_TOKEN: "a-token-of-another-service" } }),
    "instances",
    "failed",
    /./,
    /TWINHOOK_ADMIN_TOKEN of the instances/,
  ],
  [
    "a full disk",
    () => ({ machine: { freeBytes: () => 1e6 } }),
    "disk",
    "failed",
    /1 MiB/,
    /free some space/,
  ],
  ["a slow disk", () => ({ machine: { syncMs: () => 90 } }), "fsync", "warning", /90\.0 ms/, /local SSD/],
  [
    "a store that is none",
    () => spoiled((path) => writeFileSync(path, "not a database, ".repeat(512))),
    "store",
    "failed",
    /is no Twinhook store/,
    /restore/,
  ],
  [
    "a damaged store",
    () =>
      spoiled((path) => {
        const file = openSync(path, "r+");
        // The pages after the first hold the tables.
        for (let page = 3; page < 40; page++) writeSync(file, Buffer.alloc(64, 0x5a), 0, 64, page * 4096);
        closeSync(file);
      }),
    "store",
    "failed",
    /damaged/,
    /restore a backup/,
  ],
  [
    "a store of a newer release",
    () => schema(SCHEMA_VERSION + 1),
    "schema",
    "failed",
    /schema/,
    /newer release/,
  ],
  [
    "a store that was not migrated",
    () => schema(SCHEMA_VERSION - 1, 1),
    "schema",
    "warning",
    /schema/,
    /migrate/,
  ],
  [
    "a store that others may read",
    () => spoiled((path) => chmodSync(path, 0o644)),
    "store",
    "warning",
    /other users/,
    /chmod 600/,
  ],
  [
    "a log that a reader keeps",
    () =>
      spoiled((path) => {
        writeFileSync(`${path}-wal`, "");
        truncateSync(`${path}-wal`, 300 * 1024 ** 2);
      }),
    "write-ahead log",
    "warning",
    /300 MiB/,
    /fuser/,
  ],
  [
    "a port that another program has",
    async () => {
      const listen = (await serve((_request, response) => response.end())).replace("http://", "");
      return {
        config: ({ instances }) => {
          (instances[0] as { listen: string }).listen = listen;
        },
      };
    },
    "port of primary",
    "failed",
    /taken by another program/,
    /ss -ltnp/,
  ],
  [
    "an instance that does not run",
    async () => {
      const address = `127.0.0.1:${await freePort()}`;
      return {
        config: ({ instances }) =>
          void instances.push({ name: "third", url: `http://${address}`, listen: address }),
      };
    },
    "port of third",
    "warning",
    /nothing listens/,
    /twinhook start/,
  ],
  [
    "a name without an address",
    () => primaryAt("https://nowhere.invalid"),
    "URL of primary",
    "failed",
    /has no address/,
    /DNS/,
  ],
  [
    "an address that GitHub cannot reach",
    () => ({ env: { GHE_HOST: "", GHE_PROTOCOL: "" } }),
    "URL of primary",
    "failed",
    /GitHub cannot reach 127\.0\.0\.1/,
    /public address/,
  ],
  [
    "a URL where nothing answers",
    async () => primaryAt(`http://127.0.0.1:${await freePort()}`),
    "URL of primary",
    "failed",
    /ECONNREFUSED/,
    /proxy/,
  ],
  [
    "a certificate of nobody",
    async () => {
      const ca = await makePrivateCa();
      undo.push(() => ca.close());
      return primaryAt(await serve((_request, response) => response.end(), ca.tls));
    },
    "URL of primary",
    "failed",
    /refuses the certificate/,
    /whole chain/,
  ],
  [
    "a certificate that has expired",
    async () => {
      const ca = await makePrivateCa();
      undo.push(() => ca.close());
      const url = await serve((_request, response) => response.end(), ca.tls);
      return { ...primaryAt(url), machine: { now: () => Date.now() + 400 * DAY_MS } };
    },
    "URL of primary",
    "failed",
    /expired/,
    /renew/,
  ],
  [
    "a proxy without an instance",
    () => answering(502),
    "URL of primary",
    "failed",
    /reaches no instance \(HTTP 502\)/,
    /start the instance/,
  ],
  [
    "a redirect",
    () => answering(301, { location: "https://www.example.com/" }),
    "URL of primary",
    "failed",
    /redirects to https:\/\/www/,
    /twinhook\.yml/,
  ],
  [
    "a sign-in before the instance",
    () => answering(401),
    "URL of primary",
    "failed",
    /refuses the request/,
    /without a sign-in/,
  ],
  [
    "a URL that leads to the other instance",
    () => primaryAt(host.url("backup").replace("127.0.0.1", "localhost")),
    "URL of primary",
    "failed",
    /leads to the instance backup/,
    /pass/,
  ],
  [
    "a proxy that refuses large events",
    async () =>
      primaryAt(
        await serve(({ headers }, response) =>
          Number(headers["content-length"] ?? 0) > 1e6
            ? response.writeHead(413).end()
            : response.writeHead(200, { [INSTANCE_HEADER]: "primary" }).end("{}"),
        ),
      ),
    "URL of primary",
    "failed",
    /as large as GitHub sends/,
    /client_max_body_size/,
  ],
  [
    "a proxy that keeps one connection to the door, so that one instance gets every request",
    async () => {
      const url = await serve((_request, response) =>
        response.writeHead(200, { [INSTANCE_HEADER]: "primary" }).end("{}"),
      );
      const listen = `127.0.0.1:${await freePort()}`;
      return { config: (config) => Object.assign(config, { door: { listen, url } }) };
    },
    "URL of the door",
    "warning",
    /only primary answered .* backup did not/,
    /keepalive off/,
  ],
  [
    "a proxy that gives up before a slow commit",
    () => impatient(3_000),
    "URL of primary",
    "failed",
    /gives up after 3 s \(HTTP 504\)/,
    /proxy_read_timeout 60s/,
  ],
  [
    "a proxy that gives up before the end of a poll",
    () => impatient(12_000),
    "URL of primary",
    "warning",
    /gives up after 12 s \(HTTP 504\)/,
    /timeout server 60s/,
  ],
  [
    "a GitHub out of reach",
    () => ({ env: { GHE_HOST: "127.0.0.1:1" } }),
    "GitHub",
    "failed",
    /does not answer/,
    /firewall/,
  ],
  [
    "a wrong clock",
    () =>
      atGitHub(
        () => github.clock.advance(40_000),
        () => github.clock.advance(-40_000),
      ),
    "clock",
    "warning",
    / behind GitHub/,
    /timedatectl/,
  ],
  [
    "a key of another App",
    () => ({ env: { APP_ID: "4711" } }),
    "App",
    "failed",
    /does not accept/,
    /same App/,
  ],
  [
    "a permission that the App lacks",
    () =>
      atGitHub(
        () => delete github.app.permissions.contents,
        () => {
          github.app.permissions.contents = "read";
        },
      ),
    "permissions",
    "failed",
    /contents: read/,
    /\/permissions, then accept/,
  ],
  [
    "an event that GitHub does not send",
    () => {
      const { events } = github.app;
      return atGitHub(
        () => {
          github.app.events = events.filter((event) => event !== "workflow_run");
        },
        () => {
          github.app.events = events;
        },
      );
    },
    "events",
    "failed",
    /does not send workflow_run/,
    /subscribe/,
  ],
  [
    "a target without an installation",
    () => ({
      config: ({ targets }) => void targets.push({ ...targets[0], repository: "acme/other" }),
    }),
    "repository acme/other",
    "failed",
    /not installed/,
    /install it from/,
  ],
  [
    "a workflow that does not exist",
    () => {
      const fault = github.faults.add(
        { kind: "status", status: 404 },
        { route: "/repos/acme/site/actions/workflows/*" },
      );
      undo.push(() => fault.clear());
      return {};
    },
    "workflow of acme/site",
    "failed",
    /no workflow of the path/,
    /default branch/,
  ],
  [
    "a webhook that leads elsewhere",
    () => {
      const { url } = github.hook.config;
      // Else the controller mends it before the doctor comes.
      const fault = github.faults.add({ kind: "status", status: 500 }, { route: "PATCH /app/hook/config" });
      return atGitHub(
        () => {
          github.hook.config.url = "https://old.example.com/hook";
        },
        () => {
          github.hook.config.url = url;
          fault.clear();
        },
      );
    },
    "webhook",
    "failed",
    /old\.example\.com/,
    /controller sets it/,
  ],
  [
    "a webhook without a secret",
    () => {
      const { secret } = github.hook.config;
      return atGitHub(
        () => delete github.hook.config.secret,
        () => {
          if (secret !== undefined) github.hook.config.secret = secret;
        },
      );
    },
    "webhook",
    "failed",
    /signs nothing/,
    /below Webhook/,
  ],
  [
    "a webhook secret that differs",
    async () => {
      const { secret } = github.hook.config;
      github.hook.config.secret = "the secret of an earlier App";
      await github.completeRun({ repository: "acme/site" }).done;
      return atGitHub(
        () => {},
        () => {
          if (secret !== undefined) github.hook.config.secret = secret;
        },
      );
    },
    "deliveries",
    "failed",
    /401/,
    /WEBHOOK_SECRET/,
  ],
  [
    "a unit file that kills commands",
    () => unit("KillMode=process\n", ""),
    "unit file",
    "failed",
    /KillMode=control-group/,
    /KillMode=process/,
  ],
  [
    "a unit file that is impatient",
    () => unit("1min", "5"),
    "unit file",
    "failed",
    /TimeoutStopSec=5/,
    /daemon-reload/,
  ],
  [
    "no unit file",
    () => ({ machine: { unitFolders: [] } }),
    "unit file",
    "warning",
    /at boot/,
    /systemctl enable/,
  ],
  [
    "nobody to alert",
    () => ({ config: (c) => Object.assign(c, { alerts: [] }) }),
    "alerts",
    "warning",
    /nobody hears/,
    /SLACK_WEBHOOK_URL/,
  ],
];

test.each(FAULTS)("finds %s, and names the remedy", async (_name, plant, check, status, found, remedy) => {
  try {
    const { code, findings } = await examine(await plant());
    const wrong = findings.filter((one) => one.status !== "ok");
    expect(wrong).toContainEqual({
      ...{ check, status },
      found: expect.stringMatching(found),
      remedy: expect.stringMatching(remedy),
    });
    expect(code).toBe(wrong.some((one) => one.status === "failed") ? 1 : 0);
    expect(findings.filter((one) => one.status !== "ok" && !one.remedy)).toEqual([]);
  } finally {
    for (const mend of undo.splice(0).reverse()) await mend();
  }
});

test("a person reads each finding with its remedy below it", async () => {
  const terminal = new RecordedTerminal({ ...host.env, TWINHOOK_ADMIN_TOKEN: "" }, { isInteractive: true });
  expect(await doctor(terminal, {}, { ...thisMachine, pollSeconds: 0, hasSystemd: false })).toBe(1);
  expect(terminal.out).toMatch(/admin token: TWINHOOK_ADMIN_TOKEN is not set.*\n {8}-> openssl/);
  expect(terminal.out).toMatch(/\d+ failed, \d+ to look at, \d+ in order\n$/);
});
