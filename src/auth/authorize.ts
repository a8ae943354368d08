/** The sender of a request. */
export interface Principal {
  /** Canonical user id. */
  readonly owner: string;
  readonly account: string;
  /** The owner's name, for people to read. */
  readonly name: string;
  readonly root: boolean;
}

export const anonymous: Principal = {
  owner: "anonymous",
  account: "anonymous",
  name: "anonymous",
  root: false,
};

export interface RequestContext {
  readonly secure: boolean;
  readonly remoteAddress: string | undefined;
}

/** The thing that an action is done to. */
export interface Resource {
  /** arn:aws:s3:::bucket/key */
  readonly arn: string;
  /**
   * The bucket's account; undefined where there is no bucket yet: then the request concerns the
   * caller's own account.
   */
  readonly account: string | undefined;
}

/**
 * Every operation asks here before it does anything. `action` is IAM's name (s3:GetObject). For
 * now: root may do everything, an account everything in its own buckets, strangers nothing.
 */
export type Authorize = (
  principal: Principal,
  action: string,
  resource: Resource,
  context: RequestContext,
) => boolean | Promise<boolean>;

export const authorize: Authorize = (principal, _, { account }) =>
  principal.root || isOwn(principal, account);

function isOwn(principal: Principal, account: string | undefined): boolean {
  if (principal === anonymous) return false;
  return account === undefined || account === principal.account;
}
