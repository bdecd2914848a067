import type { Probot } from "probot";
import { formatDuration } from "../../../shared/format-duration.ts";
import { explainMissingWorkflow } from "../../catch-up/missing-workflow.ts";
import { systemClock } from "../../clock.ts";
import { githubApp } from "../../github/app.ts";
import { type AppFacts, readAppFacts } from "../../github/app-facts.ts";
import { githubTime } from "../../github/github-time.ts";
import { missingPermissions, neededPermissions, readManifest } from "../../github/manifest.ts";
import { callLimit, ownerAndName, RepositoryAccess } from "../../github/repository-access.ts";
import { createLog } from "../../log.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";
import type { Patient } from "./patient.ts";
import { checkWebhook } from "./webhook.ts";

/** GitHub refuses the tokens of a clock that is further off. */
const REFUSED_MS = 60_000;
const WRONG_MS = 5_000;

/** The App at GitHub: whether it is reached, its key, its rights, its installations and its webhook. */
export async function checkGitHub(patient: Patient): Promise<Finding[]> {
  const { environment } = patient.config;
  const began = patient.machine.now();
  const time = await githubTime(environment.githubApiUrl);
  if (time === null)
    return [
      failed(
        "GitHub",
        `${environment.githubApiUrl} does not answer`,
        "let this host reach it (firewall, DNS, proxy); see www.githubstatus.com",
      ),
    ];
  const clock = checkClock((began + patient.machine.now()) / 2 - time);
  const newApp = () => githubApp(environment, environment.webhookSecret as string, createLog("silent", null));
  const app = await newApp();
  let facts: AppFacts;
  try {
    facts = await readAppFacts(app, environment.githubUrl);
  } catch (error) {
    return [clock, refusedApp(error as Error & { status?: number })];
  }
  return [
    clock,
    ok("App", facts.name),
    ...checkRights(facts, patient),
    ...checkInstallations(facts, patient),
    ...(await checkWorkflows(facts, patient, newApp)),
    ...(await checkWebhook(app, patient)),
  ];
}

function checkClock(ahead: number): Finding {
  const off = Math.abs(ahead);
  const found = `this clock is ${formatDuration(off)} ${ahead > 0 ? "ahead of" : "behind"} GitHub's`;
  const remedy = "let it follow a time server: timedatectl set-ntp true";
  if (off > REFUSED_MS) return failed("clock", found, remedy);
  // GitHub's answer names whole seconds.
  return off > WRONG_MS ? warning("clock", found, remedy) : ok("clock", "it agrees with GitHub's");
}

function refusedApp({ status, message }: Error & { status?: number }): Finding {
  if (status === 401 || status === 404)
    return failed(
      "App",
      `GitHub does not accept APP_ID and PRIVATE_KEY (HTTP ${status})`,
      "take both from the same App's page; a deleted key needs a new one",
    );
  return failed("App", `GitHub cannot be asked: ${message.split("\n")[0]}`, "try again in a few minutes");
}

function neededBy({ config }: Patient) {
  return neededPermissions({
    broadcast: config.webhook.mode === "broadcast",
    issueAlerts: config.alerts.some(({ type }) => type === "github_issue"),
  });
}

function checkRights({ permissions, events, settingsUrl }: AppFacts, patient: Patient): Finding[] {
  const missing = missingPermissions(neededBy(patient), permissions);
  const unheard = readManifest().default_events.filter((event) => !events.includes(event));
  return [
    missing.length > 0
      ? failed(
          "permissions",
          `the App has not ${missing.join(", ")}`,
          `add them at ${settingsUrl}/permissions, then accept them on each installation's page`,
        )
      : ok("permissions", "the App has all that it needs"),
    unheard.length > 0
      ? failed(
          "events",
          `GitHub does not send ${unheard.join(", ")}`,
          `subscribe to them at ${settingsUrl}/permissions, below the permissions`,
        )
      : ok("events", "GitHub sends all that are needed"),
  ];
}

function checkInstallations(facts: AppFacts, patient: Patient): Finding[] {
  const { installations, url } = facts;
  const findings = installations.flatMap(({ account, suspended, permissions, url: page }) => {
    const check = `installation on ${account}`;
    if (suspended) return failed(check, "it is suspended", `end the suspension at ${page}`);
    // What the App itself does not have is said once.
    const missing = missingPermissions(neededBy(patient), permissions).filter(
      (one) => !missingPermissions(neededBy(patient), facts.permissions).includes(one),
    );
    return missing.length > 0
      ? failed(check, `its owner has not accepted ${missing.join(", ")}`, `accept them at ${page}`)
      : ok(check, "it has all that the App has");
  });
  const covered = new Set(installations.flatMap(({ repositories }) => repositories.map(repositoryKey)));
  const wanted = new Map(
    patient.config.targets.map(({ repository }) => [repositoryKey(repository), repository]),
  );
  for (const [key, repository] of wanted)
    if (!covered.has(key))
      findings.push(
        failed(
          `repository ${repository}`,
          "the App is not installed on it",
          `install it from ${url}, or correct repository in twinhook.yml (was it renamed?)`,
        ),
      );
  return findings;
}

/** The workflow file of every target, by its runs: that needs no further permission. */
async function checkWorkflows(
  { installations }: AppFacts,
  { config }: Patient,
  newApp: () => Promise<Probot>,
): Promise<Finding[]> {
  const covered = new Set(installations.flatMap(({ repositories }) => repositories.map(repositoryKey)));
  const access = new RepositoryAccess(newApp, systemClock);
  const wanted = config.targets.filter(({ repository }) => covered.has(repositoryKey(repository)));
  const seen = new Map(
    wanted.map((target) => [`${repositoryKey(target.repository)} ${target.workflow}`, target]),
  );
  return Promise.all(
    [...seen.values()].map(async ({ repository, workflow }) => {
      const check = `workflow of ${repository}`;
      try {
        const octokit = await access.octokit(repository);
        await octokit
          .request("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", {
            ...ownerAndName(repository),
            workflow_id: workflow.replace(/^.*\//, ""),
            per_page: 1,
            request: callLimit(),
          })
          .catch((error) =>
            explainMissingWorkflow(error, octokit, { repository, workflow }, callLimit().signal),
          );
        return ok(check, workflow);
      } catch (error) {
        const { message, remedy } = error as Error & { remedy?: string };
        return failed(
          check,
          message.split("\n")[0] as string,
          remedy ?? "install the App on the repository, with the permission Actions: read",
        );
      }
    }),
  );
}
