/** The options that every command takes. */
export interface CommonOptions {
  json?: boolean;
  url?: string;
  token?: string;
}

/** The options of a list. */
export interface ListOptions extends CommonOptions {
  limit: string;
  cursor?: string;
  repository?: string;
}
