import type { StoreCapabilities } from "../store.ts";

export const SQLITE_CAN: StoreCapabilities = { rowLocks: false, severalHosts: false, copies: true };
