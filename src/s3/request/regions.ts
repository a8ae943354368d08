/** The region that S3 began with and that keeps its first habits. */
export const firstRegion = "us-east-1";

/** AWS's regions in late 2026: the name decides how a wrong one is refused. */
const names =
  "us-east-1 us-east-2 us-west-1 us-west-2 us-gov-east-1 us-gov-west-1 ca-central-1 ca-west-1 " +
  "mx-central-1 sa-east-1 af-south-1 il-central-1 eu-central-1 eu-central-2 eu-north-1 " +
  "eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 me-central-1 me-south-1 ap-east-1 " +
  "ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 " +
  "ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 " +
  "ap-southeast-7 cn-north-1 cn-northwest-1";
const known: ReadonlySet<string> = new Set(names.split(" "));

/** True if the name is that of a region: this store's, which may be any, or one of AWS. */
export function isRegion(name: string, own: string): boolean {
  return name === own || known.has(name);
}
