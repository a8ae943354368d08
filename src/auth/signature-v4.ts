/** What chained chunk signatures are computed from. */
export interface ChunkSigning {
  readonly key: Uint8Array;
  /** `x-amz-date` of the request: 20130524T000000Z. */
  readonly timestamp: string;
  /** 20130524/us-east-1/s3/aws4_request */
  readonly scope: string;
  /** The request's own signature, in hexadecimal: the first chunk's is chained to it. */
  readonly seedSignature: string;
}
