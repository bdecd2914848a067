import "./loopback-only.ts";
import { aroundEach } from "vitest";
import { runningTest } from "./at-test-end.ts";

aroundEach((runTest, context) => runningTest.run(context, runTest));
