/** The main file of the bare Probot: its stock server, with one handler that does nothing. */
import { Probot, Server } from "probot";

const { PORT, APP_ID, PRIVATE_KEY, WEBHOOK_SECRET } = process.env;

const server = new Server({
  host: "127.0.0.1",
  port: Number(PORT),
  Probot: Probot.defaults({
    appId: APP_ID as string,
    privateKey: PRIVATE_KEY as string,
    secret: WEBHOOK_SECRET as string,
    logLevel: "warn",
  }),
});
await server.load((app) => {
  app.on("workflow_run.completed", () => {});
});
await server.start();
