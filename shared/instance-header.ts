/**
 * The header by which an answer is known to be an instance's own; its value is the instance's name. A proxy, a firewall
 * or a page of something else at that address does not send it.
 */
export const INSTANCE_HEADER = "Twinhook-Instance";

/** Whether an instance gave the answer with these headers, whose names are in lower case as Node has them. */
export function isByInstance(headers: Readonly<Record<string, unknown>>): boolean {
  return headers[INSTANCE_HEADER.toLowerCase()] !== undefined;
}
