/**
 * The header that marks an answer as an instance's own; its value is the instance's name. A proxy, a firewall
 * or another server at that address does not send it.
 */
export const INSTANCE_HEADER = "Twinhook-Instance";

/** Whether an instance gave the answer with these headers. Their names are in lower case, as in Node. */
export function isByInstance(headers: Readonly<Record<string, unknown>>): boolean {
  return headers[INSTANCE_HEADER.toLowerCase()] !== undefined;
}
