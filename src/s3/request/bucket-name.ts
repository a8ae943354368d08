const shape = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const ipAddress = /^\d+\.\d+\.\d+\.\d+$/;
/** Kept by AWS for access points and other things that stand where buckets do. */
const reserved = /^(?:xn--|sthree-|amzn-s3-demo-)|(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/;

/** S3's rules for general purpose buckets: 3 to 63 characters that also make a host name. */
export function isBucketName(name: string): boolean {
  return shape.test(name) && !name.includes("..") && !ipAddress.test(name) && !reserved.test(name);
}
