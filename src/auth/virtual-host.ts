/** The bucket that a `Host` names: `<bucket>.<domain>`, for one of our domains. */
export function bucketOfHost(
  host: string | undefined,
  domains: readonly string[],
): string | undefined {
  const name = host?.toLowerCase().replace(/\.?(?::\d*)?$/, "");
  for (const domain of domains) {
    const suffix = `.${domain.toLowerCase()}`;
    if (name !== undefined && name.length > suffix.length && name.endsWith(suffix)) {
      return name.slice(0, -suffix.length);
    }
  }
  return undefined;
}

/**
 * Other ways to write the same host, which a client may have signed while its HTTP library sent
 * this one: with and without a default port, with and without the dot of the root.
 */
export function otherHosts(host: string): readonly string[] {
  const [, name = "", port = ""] = /^(.*?)\.?(:\d*)?$/.exec(host) ?? [];
  const isDefault = port === "" || port === ":80" || port === ":443";
  const ports = isDefault ? ["", ":80", ":443"] : [port];
  return ports
    .flatMap((each) => [`${name}${each}`, `${name}.${each}`])
    .filter((each) => each !== host);
}
