/** Where the server has its access keys. */
export const keysPath = "/-/keys";

/** An access key as the server shows it. */
export interface ShownKey {
  readonly accessKeyId: string;
  readonly owner: string;
  readonly account: string;
  readonly canonicalId: string;
  readonly created: string;
  readonly state: "active" | "inactive";
}
