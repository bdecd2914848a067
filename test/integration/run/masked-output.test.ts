import { expect, it } from "vitest";
import { runCommand } from "../../helpers/run-command.ts";

const [TOKEN, PASSED, NAMED] = ["ghp-token-of-env", "value-of-pass-env", "value-of-mask"];
const KEY = "-----BEGIN KEY-----\nfirst-line\nshort\nlast-line\n-----END KEY-----";

it("what a command prints of its secrets is not stored", async () => {
  const script = `
    echo "env $API_TOKEN, passed $PASSED, named $NAMED, plain $PLAIN"
    printf %s "split $(echo "$API_TOKEN" | cut -c1-5)"; sleep 0; echo "$API_TOKEN" | cut -c6- >&2
    printf 'Basic %s\\n' "$(printf 'bot:%s' "$API_TOKEN" | base64)"
    echo "$DEPLOY_KEY"
  `;
  const { row, log } = await runCommand(script, {
    target: {
      env: { API_TOKEN: TOKEN, DEPLOY_KEY: KEY, NAMED, PLAIN: "in plain sight" },
      pass_env: ["PASSED"],
      mask: ["NAMED"],
    },
    environment: { PASSED },
  });
  expect(row.status).toBe("succeeded");
  expect(log).toMatch(
    /^env \*\*\*, passed \*\*\*, named \*\*\*, plain in plain sight\nsplit \*\*\*\nBasic [^ ]{0,6}\*\*\*[^ ]{0,3}\n\*\*\*\n\*\*\*\nshort\n\*\*\*\n\*\*\*\n$/,
  );
});
