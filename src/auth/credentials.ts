import type { Principal } from "./authorize.ts";

export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly principal: Principal;
}

/** Access keys by id. */
export interface Credentials {
  find(accessKeyId: string): Promise<Credential | undefined>;
}
