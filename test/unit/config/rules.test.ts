import { hostname } from "node:os";
import { describe, expect, test } from "vitest";
import {
  BACKUP,
  ConfigFile,
  content,
  DELIVERY_SECRET,
  PRIMARY,
  TARGET,
  withInstances,
  withTarget,
} from "./config-file.ts";

const HOST = hostname();

describe("what no single key can break is refused", () => {
  test.each<[string, Record<string, unknown>, string]>([
    [
      "two instances with one name",
      withInstances({}, { name: "primary" }),
      "instances[1].name: expected a name of its own for every instance, got primary, which is that of instances[0]; give one of the two another name",
    ],
    [
      "a store in a place that cannot be a folder",
      content({ store: "sqlite:twinhook.yml/data/twinhook.db" }),
      "twinhook.yml/data (ENOTDIR); create it for that user (systemd: StateDirectory=), or name another path in `store`",
    ],
    [
      "two instances with one URL",
      withInstances({}, { url: PRIMARY.url }),
      "instances[1].url: expected a URL of its own for every instance, got https://a.example.com:9000, which is that of instances[0]",
    ],
    [
      "one URL, with a slash at its end",
      withInstances({}, { url: `${PRIMARY.url}/` }),
      "instances[1].url: expected a URL of its own",
    ],
    [
      "one URL, in capitals",
      withInstances({}, { url: "HTTPS://A.EXAMPLE.COM:9000" }),
      "got HTTPS://A.EXAMPLE.COM:9000, which is the same as https://a.example.com:9000, that of instances[0]",
    ],
    [
      "one URL, with the port that is meant anyway",
      withInstances({ url: "https://a.example.com" }, { url: "https://a.example.com:443" }),
      "instances[1].url: expected a URL of its own",
    ],
    [
      "two instances on one port",
      withInstances({}, { listen: PRIMARY.listen }),
      "instances[1].listen: expected a port of its own for every instance, got 127.0.0.1:9100, which is that of instances[0]; give one of the two another listen",
    ],
    [
      "one port, on every address",
      withInstances({}, { listen: "0.0.0.0:9100" }),
      "instances[1].listen: expected a port of its own for every instance, got 0.0.0.0:9100, which is the same as 127.0.0.1:9100, that of instances[0]",
    ],
    [
      "one port, on every address of IPv6",
      withInstances({}, { listen: "[::]:9100" }),
      "instances[1].listen: expected a port",
    ],
    [
      "one port, on localhost",
      withInstances({}, { listen: "localhost:9100" }),
      "instances[1].listen: expected a port",
    ],
    [
      "one port, on localhost in capitals",
      withInstances({ listen: "localhost:9100" }, { listen: "LOCALHOST:9100" }),
      "instances[1].listen: expected a port",
    ],
    [
      "one port, on one host",
      withInstances({ host: HOST }, { host: HOST, listen: PRIMARY.listen }),
      "instances[1].listen: expected a port",
    ],
    [
      "a door on an instance's port",
      content({ door: { listen: "0.0.0.0:9101", url: "https://d.example.com" } }),
      "door.listen: expected a port of its own, got 0.0.0.0:9101, where instances[1] listens (127.0.0.1:9101)",
    ],
    [
      "several hosts on SQLite",
      withInstances({ host: "a" }, { host: "b" }),
      "store: expected postgres://…, since the instances are on several hosts, got sqlite",
    ],
    [
      "a recovery time that fails over at once",
      content({ failover: { recovery_response_time: "5s" } }),
      "failover.recovery_response_time: expected less than max_response_time (5000ms), got 5000ms",
    ],
    [
      "a recovery rate that degrades at once",
      content({ failover: { recovery_success_rate: 95 } }),
      "failover.recovery_success_rate: expected more than min_success_rate (95), got 95",
    ],
    [
      "a longest pause below the first",
      content({ retry: { max_delay: "500ms" } }),
      "retry.max_delay: expected at least base_delay (1000ms), got 500ms",
    ],
    [
      "two targets with one name",
      content({ targets: [TARGET, { ...TARGET, repository: "ACME/site" }] }),
      "targets[1].name: expected a name of its own within ACME/site, got production, which is that of targets[0]",
    ],
    [
      "two targets without a name, of environments that differ by case only",
      content({ targets: [TARGET, { ...TARGET, environment: "Production" }] }),
      "targets[1].name: expected a name of its own within acme/site, got Production, which is, but for its case, that of targets[0]",
    ],
    [
      "a certificate that is missing",
      withInstances({ tls: { cert: "no.pem", key: "site/notes.txt" } }, {}),
      "instances[0].tls.cert: expected a PEM file that this user may read, got no.pem",
    ],
    [
      "certificates that are none",
      withInstances({ tls: { cert: "site/notes.txt", key: "site/deploy.sh" } }, {}),
      "instances[0].tls: expected a certificate and its private key without a passphrase, in PEM, got ",
    ],
    [
      "a directory for a SQLite file",
      content({ store: "sqlite:./site" }),
      "site, which is a directory; name a file in it, such as sqlite:",
    ],
    [
      "a directory that is missing",
      withTarget({ directory: "nowhere" }),
      "targets[0].directory: expected a directory that exists and that this user may enter, got nowhere; mkdir -p nowhere",
    ],
    [
      "a file for a directory",
      withTarget({ directory: "site/notes.txt" }),
      "targets[0].directory: expected a directory",
    ],
    [
      "a directory that cannot be",
      withTarget({ directory: "a\0b" }),
      "targets[0].directory: expected a directory",
    ],
    [
      "a command that is missing",
      withTarget({ run: ["./depoly.sh"] }),
      'targets[0].run: expected a command that exists and may be executed, got "./depoly.sh"; it is looked for in site (chmod +x?)',
    ],
    [
      "a command that may not be executed",
      withTarget({ run: ["./notes.txt"] }),
      "targets[0].run: expected a command that exists and may be executed",
    ],
    ["a command that is a directory", withTarget({ run: ["/usr"] }), "targets[0].run: expected a command"],
    [
      "a command that is not along PATH",
      withTarget({ run: ["deploy.sh"] }),
      "write ./ before a file of the directory",
    ],
    [
      "a command that is not along the target's PATH",
      withTarget({ run: ["sh"], env: { PATH: "/nowhere" } }),
      "targets[0].run: expected a command",
    ],
    [
      "an empty command",
      withTarget({ run: [""] }),
      'targets[0].run: expected a command that exists and may be executed, got ""',
    ],
    [
      "a variable that is not set",
      withTarget({ pass_env: ["HOME_OF_NOBODY"] }),
      "targets[0].pass_env[0]: expected the variable HOME_OF_NOBODY to be set, got nothing",
    ],
    [
      "a secret of the App's for a command",
      withTarget({ pass_env: ["PRIVATE_KEY"] }),
      "targets[0].pass_env[0]: expected a variable that holds no secret of the App, got PRIVATE_KEY",
    ],
    [
      "a delivery secret that is not set",
      withTarget({ action: { secret_env: "UNSET" } }),
      "targets[0].action.secret_env: expected the variable UNSET to be set, got nothing; set UNSET, for example to the output of",
    ],
    [
      "a delivery secret of another form",
      withTarget({ action: { secret_env: "WEBHOOK_SECRET" } }),
      "targets[0].action.secret_env: expected in WEBHOOK_SECRET whsec_ followed by base64 (openssl rand -base64 32 makes one), got something else",
    ],
    [
      "a delivery secret that is too short",
      withTarget({ action: { secret_env: "SHORT" } }),
      "targets[0].action.secret_env: expected in SHORT at least 24 bytes of base64 after whsec_, got something else",
    ],
  ])("%s", (_, file, message) => {
    const messages = new ConfigFile(file, { SHORT: "whsec_YWJj" }).messages();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(message);
  });

  test("an instance without a host among several", () => {
    const file = withInstances({ host: "a" }, { host: "b" });
    const third = { ...BACKUP, name: "third", url: "https://c.example.com", listen: "127.0.0.1:9102" };
    const messages = new ConfigFile({
      ...file,
      store: "postgres://h/db",
      instances: [...(file.instances as object[]), third],
    }).messages();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(
      "instances[2].host: expected the name of its host, since others have one, got nothing; add host: a or b",
    );
  });
});

describe("what belongs together is let through", () => {
  test.each<[string, Record<string, unknown>]>([
    ["one port on two addresses", withInstances({}, { listen: "127.0.0.2:9100" })],
    [
      "one port on two hosts",
      { ...withInstances({ host: "a" }, { host: "b", listen: PRIMARY.listen }), store: "postgres://h/db" },
    ],
    [
      "one host with two paths",
      withInstances({ url: "https://a.example.com/one" }, { url: "https://a.example.com/two" }),
    ],
    ["one name in two repositories", content({ targets: [TARGET, { ...TARGET, repository: "acme/other" }] })],
    ["two names for one environment", content({ targets: [TARGET, { ...TARGET, name: "database" }] })],
    ["a command along PATH", withTarget({ run: ["sh", "-c", "true"] })],
    ["a command by its whole path", withTarget({ run: ["/bin/sh"] })],
    ["a delivery secret", withTarget({ action: { secret_env: "SITE_SECRET" } })],
  ])("%s", (_, file) => {
    expect(new ConfigFile(file, { SITE_SECRET: DELIVERY_SECRET }).messages()).toEqual([]);
  });
});

test("the rules are checked on what has the right shape, whatever is wrong elsewhere", () => {
  const file = withInstances({}, { name: "primary", unknown: 1 });
  const messages = new ConfigFile({
    ...file,
    instances: [PRIMARY, { ...BACKUP, name: "primary" }, { name: "broken" }],
    targets: [
      { ...TARGET, timeout: 5 },
      { ...TARGET, directory: "nowhere" },
    ],
    failover: { recovery_success_rate: 90 },
    retry: { jitter: "yes" },
  }).messages();
  for (const expected of [
    "instances[1].name: expected a name of its own",
    "instances[2].url: expected",
    "targets[0].timeout: expected a number with a unit",
    "targets[1].directory: expected a directory",
    "failover.recovery_success_rate: expected more than",
    "retry.jitter: expected true or false",
  ])
    expect(messages).toContainEqual(expect.stringContaining(expected));
});
