/**
 * The bucket that a host names: `<bucket>.<domain>`, for one of our domains.
 *
 * @param host of a request's head; it and the domains are in lower case.
 */
export function bucketOfHost(host: string, domains: readonly string[]): string | undefined {
  for (const domain of domains) {
    const dotAt = host.length - domain.length - 1;
    if (dotAt > 0 && host[dotAt] === "." && host.endsWith(domain)) return host.slice(0, dotAt);
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
