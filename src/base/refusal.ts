/**
 * Why an operation did nothing: an expected outcome, so a return value and not an error. Each layer
 * names the codes that it knows; `s3/errors.ts` words them for clients.
 */
export interface RefusalOf<Code extends string> {
  readonly refusal: Code;
  /** Elements that S3 adds to the error, by name: Condition, ActualObjectSize, PartNumber … */
  readonly details?: Readonly<Record<string, string>> | undefined;
  /** A message for this case, where the code's own would not do. */
  readonly message?: string | undefined;
}

export function refuse<Code extends string>(
  refusal: Code,
  more: Omit<RefusalOf<Code>, "refusal"> = {},
): RefusalOf<Code> {
  return { refusal, ...more };
}

export function isRefusal(value: object): value is RefusalOf<string> {
  return "refusal" in value;
}
