import type { Principal } from "./authorize.ts";

export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly principal: Principal;
}

/** Access keys by id. */
export interface Credentials {
  /** Answers with the value itself where it is at hand. */
  find(accessKeyId: string): Credential | undefined | Promise<Credential | undefined>;
}
