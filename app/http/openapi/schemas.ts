import { z } from "zod";
import { requestByAction, requestByAdmin } from "../../accept/deployment-request.ts";
import { testAlertAnswer } from "../../reads/answers/alerts.ts";
import { problemAnswer } from "../../reads/answers/common.ts";
import { deliveryAnswer, deliveryListAnswer, webhookAnswer } from "../../reads/answers/delivery.ts";
import {
  deploymentAnswer,
  deploymentListAnswer,
  deploymentOrDryRunAnswer,
  dryRunAnswer,
} from "../../reads/answers/deployment.ts";
import { healthAnswer } from "../../reads/answers/health.ts";
import { statusAnswer, switchoverAnswer } from "../../reads/answers/status.ts";
import { markAnswer, targetHoldAnswer, targetListAnswer } from "../../reads/answers/target.ts";
import { tokenAnswer, tokenListAnswer, tokenMadeAnswer } from "../../reads/answers/token.ts";
import { switchoverRequest } from "../redundancy/switchover-request.ts";
import { holdRequest } from "../targets/hold-request.ts";
import { markRequest } from "../targets/mark-request.ts";
import { rollbackRequest } from "../targets/rollback-request.ts";
import { tokenRequest } from "../tokens/token-request.ts";

/** The schemas of request bodies, by their names in the description. */
export const REQUESTS = {
  DeploymentRequest: requestByAction.describe("what the Action asks for"),
  DeploymentRequestByAdmin: requestByAdmin.describe("what an admin asks for: a commit, if nothing else"),
  SwitchoverRequest: switchoverRequest,
  MarkRequest: markRequest,
  HoldRequest: holdRequest,
  RollbackRequest: rollbackRequest,
  TokenRequest: tokenRequest,
};

/** The schemas of answers. */
export const ANSWERS = {
  Deployment: deploymentAnswer,
  DryRun: dryRunAnswer,
  DeploymentOrDryRun: deploymentOrDryRunAnswer,
  DeploymentList: deploymentListAnswer,
  Delivery: deliveryAnswer,
  DeliveryList: deliveryListAnswer,
  WebhookAnswer: webhookAnswer,
  Status: statusAnswer,
  Switchover: switchoverAnswer,
  TargetMark: markAnswer,
  TargetHold: targetHoldAnswer,
  TargetList: targetListAnswer,
  Token: tokenAnswer,
  TokenMade: tokenMadeAnswer,
  TokenList: tokenListAnswer,
  TestAlert: testAlertAnswer,
  Health: healthAnswer,
  Problem: problemAnswer,
};

export type RequestName = keyof typeof REQUESTS;
export type AnswerName = keyof typeof ANSWERS;

/** All schemas in JSON Schema (draft 2020-12, as in OpenAPI 3.1), with references by name. */
export function componentSchemas(): Record<string, object> {
  return { ...converted(REQUESTS, "input"), ...converted(ANSWERS, "output") };
}

function converted(named: Record<string, z.ZodType>, io: "input" | "output"): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ jsonSchema }) => {
      // Later versions may answer with more fields; clients ignore unknown ones.
      delete jsonSchema.additionalProperties;
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _s, $id: _i, ...schema }]) => [name, schema]),
  );
}
