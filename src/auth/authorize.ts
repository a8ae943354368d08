/** Who asks. */
export interface Principal {
  /** Canonical user id. */
  readonly owner: string;
  readonly account: string;
  readonly root: boolean;
}

export const anonymous: Principal = { owner: "anonymous", account: "anonymous", root: false };

export interface RequestContext {
  readonly secure: boolean;
  readonly remoteAddress: string | undefined;
}

/**
 * Every operation asks here before it does anything. `action` is IAM's name (s3:GetObject), `resource` an ARN
 * (arn:aws:s3:::bucket/key). For now: root may do everything, nobody else anything.
 */
export type Authorize = (
  principal: Principal,
  action: string,
  resource: string,
  context: RequestContext,
) => Promise<boolean>;

export const authorize: Authorize = (principal) => Promise.resolve(principal.root);
