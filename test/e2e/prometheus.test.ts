import { it } from "vitest";
import { holdStore } from "../helpers/hold-store.ts";
import { Monitoring } from "../helpers/monitoring.ts";
import { missingPrograms } from "../helpers/prometheus-programs.ts";
import { setFailoverScene } from "./failover-scene.ts";
import { deliverRun, pointHookTo, REPOSITORY, setScene } from "./twins.ts";

const TOKEN = "metrics-token-of-the-test";
const JOB = { job: "twinhook" };
const missing = missingPrograms("prometheus", "prometheus-alertmanager");

it.concurrent("Prometheus tells of instances that die one after the other, and of a failed deployment", async ({
  expect,
  skip,
}) => {
  if (missing) return skip(missing);
  const scene = await setFailoverScene("sqlite", {
    env: { TWINHOOK_METRICS_TOKEN: TOKEN },
    script: "#!/bin/sh\nexit 1\n",
  });
  const { host } = scene;
  const { urls } = host;
  const monitoring = await Monitoring.start({
    twinhook: { token: TOKEN, urls },
    "twinhook-staging": { token: "a wrong one", urls },
  });
  await monitoring.untilScraped("twinhook", 2);

  // Another installation, whose token is wrong, says nothing of this one.
  const refused = await monitoring.untilFiring("TwinhookAllInstancesDown", { job: "twinhook-staging" });
  expect(refused.annotations.summary).toBe("Prometheus gets metrics from no instance of Twinhook");
  expect(refused.annotations.description).toContain("token");
  await monitoring.untilInhibited("TwinhookNoController", { job: "twinhook-staging" });
  await monitoring.untilClear(["AllInstancesDown", "NoController"], JOB);

  await deliverRun(scene.scene, "primary");
  await monitoring.untilFiring("TwinhookDeploymentFailed", {
    ...JOB,
    repository: REPOSITORY,
    target: "production",
  });

  await scene.process("primary").kill();
  const down = { ...JOB, instance: "primary" };
  const failover = await monitoring.untilFiring("TwinhookFailover", { ...JOB, from: "primary" });
  expect(failover.annotations.summary).toContain("does not deliver to primary any more");
  await monitoring.untilFiring("TwinhookInstanceDown", down);
  await monitoring.untilTold("TwinhookInstanceDown", down);

  await scene.process("backup").kill();
  await monitoring.untilFiring("TwinhookAllInstancesDown", JOB);
  await monitoring.untilTold("TwinhookAllInstancesDown", JOB);
  await monitoring.untilFiring("TwinhookInstanceDown", down);
  await monitoring.untilInhibited("TwinhookInstanceDown", down);

  await Promise.all([scene.start("primary"), scene.start("backup")]);
  await monitoring.untilClear(["AllInstancesDown", "InstanceDown", "NoController"], JOB);
});

it.concurrent("Prometheus tells of another secret and another URL at GitHub, and of a store that fails", async ({
  expect,
  skip,
}) => {
  if (missing) return skip(missing);
  const scene = await setScene("sqlite", {
    instances: ["primary"],
    env: { TWINHOOK_METRICS_TOKEN: TOKEN },
  });
  const { github, host } = scene;
  await host.startInProcess("primary");
  pointHookTo(scene, "primary");
  const monitoring = await Monitoring.start({ twinhook: { token: TOKEN, urls: host.urls } });
  await monitoring.untilScraped("twinhook", 1);

  github.hook.config.secret = "a secret that somebody typed";
  await github.completeRun({ repository: REPOSITORY }).delivery;
  // It is put right, and then the delivery that was refused is found.
  github.hook.config.url = "https://example.com/";
  await monitoring.untilFiring("TwinhookWebhookChanged", JOB);
  await monitoring.untilFiring("TwinhookWebhookSecretWrong", JOB);
  await monitoring.untilTold("TwinhookWebhookSecretWrong", JOB);

  const release = await holdStore(host);
  const down = { ...JOB, instance: "primary" };
  const failing = await monitoring.untilFiring("TwinhookStoreDown", down);
  expect(failing.annotations.summary).toBe("primary cannot write to its store");
  await release();
  await monitoring.untilClear(["StoreDown"], down);
});
