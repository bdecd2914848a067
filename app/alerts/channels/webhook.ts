import { signDelivery } from "../../../shared/delivery-signature.ts";
import type { Message } from "../alert.ts";
import { postJson } from "../post-json.ts";

/**
 * Sends JSON, signed by Standard Webhooks: `{"type": "twinhook.alerts", "timestamp", "data": {"alerts": […]}}`. The
 * header `webhook-id` stays the same when a message is sent again.
 */
export function sendToWebhook(url: string, secret: string) {
  return async (message: Message): Promise<void> => {
    const { id, alerts } = message;
    const body = JSON.stringify({ type: "twinhook.alerts", timestamp: alerts[0]?.at, data: { alerts } });
    await postJson(url, body, { headers: signDelivery(secret, body, { id }) });
  };
}
