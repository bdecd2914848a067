import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { githubApp } from "../../../app/github/app.ts";
import { RepositoryAccess } from "../../../app/github/repository-access.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { startGitHub } from "../../simulator/simulator.ts";

async function scene() {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const { environment } = readEnvironment(github.environment());
  const clock = new ManualClock();
  const log = pino({ level: "silent" });
  const access = new RepositoryAccess(() => githubApp(environment, "secret", log), clock);
  const lookUps = () => github.requests.filter(({ path }) => path.endsWith("/installation")).length;
  const read = async (repository: string) => {
    const [owner = "", repo = ""] = repository.split("/");
    await (await access.octokit(repository)).request("GET /repos/{owner}/{repo}", { owner, repo });
  };
  return { github, clock, access, lookUps, read };
}

const names = (account: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${account}/site-${index}`);

describe("access to repositories", () => {
  it("takes one look-up for all repositories of an account", async () => {
    const { github, lookUps, read } = await scene();
    const repositories = names("acme", 20);
    for (const name of repositories) github.addRepository(name);
    await Promise.all(repositories.map(read));
    expect(lookUps()).toBe(1);
  });

  it("that is refused for one repository is looked up anew for its account alone", async () => {
    const { github, access, lookUps, read } = await scene();
    const accounts = ["acme", "umbrella", "hooli"];
    for (const account of accounts) github.addRepository(`${account}/site`);
    for (const account of accounts) await read(`${account}/site`);
    expect(lookUps()).toBe(3);
    access.forget("acme/site");
    for (const account of accounts) await read(`${account}/site`);
    expect(lookUps()).toBe(4);
  });

  it("that stays refused costs few look-ups, however often it is asked for", async () => {
    const { github, clock, access, lookUps, read } = await scene();
    github.addRepository("acme/site");
    for (let second = 0; second < 3_600; second++) {
      access.forget("acme/gone");
      // Whoever asks meanwhile asks for the installation anew.
      if (second % 120 === 0) await read("acme/site");
      clock.ms += 1_000;
    }
    expect(lookUps()).toBeLessThanOrEqual(30);
  });

  it("has the rights that were given since the refusal", async () => {
    const { github, access, read } = await scene();
    github.addRepository("acme/site");
    await read("acme/site");
    const tokens = () => github.requests.filter(({ path }) => path.endsWith("/access_tokens")).length;
    expect(tokens()).toBe(1);
    access.forget("acme/site");
    await read("acme/site");
    expect(tokens()).toBe(2);
  });

  it("does not fail for one repository because the App is not installed on another", async () => {
    const { github, read } = await scene();
    github.addRepository("acme/other", { installed: false });
    github.addRepository("acme/site");
    const [other, site] = await Promise.allSettled([read("acme/other"), read("acme/site")]);
    expect([other.status, site.status]).toEqual(["rejected", "fulfilled"]);
    await read("acme/site");
  });
});
