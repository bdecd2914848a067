import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { RepositoryRights } from "../../../app/auth/repository-rights.ts";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { githubApp } from "../../../app/github/app.ts";
import { RepositoryAccess } from "../../../app/github/repository-access.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { accountObject } from "../../simulator/account-object.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const PATH = "/repos/acme/site/collaborators/pusher/permission";

async function scene() {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  for (const name of ["acme/site", "acme/secret"]) github.addRepository(name, { private: true });
  github.repository("acme/site").collaborators.set("pusher", "write");
  const { environment } = readEnvironment(github.environment());
  const access = new RepositoryAccess(() => githubApp(environment, "secret", pino({ level: "silent" })));
  const clock = new ManualClock();
  const repositories = ["Acme/Site", "acme/secret", "acme/not-installed"];
  const rights = new RepositoryRights({ access, clock, repositories });
  const pusher = { id: accountObject("pusher").id, login: "pusher" };
  const asked = () => github.requests.filter(({ path }) => path === PATH).length;
  return { github, clock, rights, pusher, asked };
}

describe("rights on repositories", () => {
  it("are those that GitHub names, for repositories with a target alone", async () => {
    const { github, rights, pusher } = await scene();
    expect([...(await rights.of(pusher))]).toEqual([["acme/site", "push"]]);
    github.repository("acme/secret").collaborators.set("boss", "admin").set("reader", "read");
    const boss = { id: accountObject("boss").id, login: "boss" };
    expect([...(await rights.of(boss))]).toEqual([["acme/secret", "admin"]]);
    const reader = { id: accountObject("reader").id, login: "reader" };
    expect([...(await rights.of(reader))]).toEqual([]);
  });

  it("that are taken away are gone after a minute, and are asked for no more often", async () => {
    const { github, clock, rights, pusher, asked } = await scene();
    await Promise.all([rights.of(pusher), rights.of(pusher), rights.of(pusher)]);
    github.repository("acme/site").collaborators.delete("pusher");
    clock.ms += 59_000;
    expect((await rights.of(pusher)).size).toBe(1);
    expect(asked()).toBe(1);
    clock.ms += 1_000;
    expect((await rights.of(pusher)).size).toBe(0);
    expect(asked()).toBe(2);
  });

  it("are not those of someone who took a login that was given up", async () => {
    const { rights } = await scene();
    expect((await rights.of({ id: 4_711, login: "pusher" })).size).toBe(0);
  });

  it("stay as they were while GitHub is away, for a quarter of an hour and no longer", async () => {
    const { github, clock, rights, pusher } = await scene();
    expect((await rights.of(pusher)).size).toBe(1);
    await github.goDown();
    for (let minutes = 1; minutes < 15; minutes++) {
      clock.ms += 60_000;
      expect((await rights.of(pusher)).size).toBe(1);
    }
    clock.ms += 60_000;
    await expect(rights.of(pusher)).rejects.toThrow(/GitHub cannot be asked for your rights/);
    await github.comeBack();
    expect((await rights.of(pusher)).size).toBe(1);
  });
});
