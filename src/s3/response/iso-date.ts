/** As S3 writes times in XML: in UTC, whole seconds, `.000Z` at the end. */
export function formatIsoDate(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString();
}
