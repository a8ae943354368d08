/** The bucket that a `Host` names: `<bucket>.<domain>`, for one of our domains. */
export function bucketOfHost(
  host: string | undefined,
  domains: readonly string[],
): string | undefined {
  const name = host?.toLowerCase().replace(/:\d*$/, "");
  for (const domain of domains) {
    const suffix = `.${domain.toLowerCase()}`;
    if (name !== undefined && name.length > suffix.length && name.endsWith(suffix)) {
      return name.slice(0, -suffix.length);
    }
  }
  return undefined;
}
