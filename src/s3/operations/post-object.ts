import { createDecoder } from "../../auth/decode-payload.ts";
import type { Verified } from "../../auth/claim.ts";
import { isRefusal } from "../../base/refusal.ts";
import type { NameValue } from "../../format/object-row.ts";
import { putObject as storeObject } from "../../object/write/put.ts";
import type { IncomingBody } from "../../object/write/incoming-body.ts";
import { type PieceDecoder, plainPieces } from "../../platform/piece-decoder.ts";
import { type Operation, type S3Call, granted, permit } from "../call.ts";
import { parseWriteCondition } from "../request/condition-headers.ts";
import { authError } from "../error-response.ts";
import { S3Error, invalidArgument } from "../errors.ts";
import { asPut, fillIn, formAnswer } from "../form/form-call.ts";
import { formBoundary } from "../form/multipart-body.ts";
import {
  type Policy,
  checkNotAbove,
  checkNotBelow,
  checkPolicy,
  parsePolicy,
} from "../form/policy.ts";
import { type Form, readForm } from "../form/read-form.ts";
import { parseObjectAttributes } from "../request/object-attributes.ts";
import { parseTaggingField } from "../request/tagging.ts";
import { openFile } from "../request/body.ts";

/**
 * An HTML form as a browser sends it: fields that say what PutObject's headers say, then the file.
 */
export const postObject: Operation = async (call) => {
  const decoder = createDecoder(call.objects.platform.hash, call.verified.payload);
  const form = fillIn(await readForm(call.body, decoder, boundaryOf(call)));
  const put = asPut(call, form, await verifiedSender(call, form));
  const { bucket, key } = put.target;
  const owned = await permit(put, "s3:PutObject", { bucket, key });
  const policy = checkedPolicy(put, form);
  const condition = parseWriteCondition(put.headers);
  const attributes = { ...parseObjectAttributes(put.headers, owned), ...tagsOf(form) };
  if (attributes.tags.length > 0) await permit(put, "s3:PutObjectTagging", { bucket, key });
  const incoming = fileUpload(put, form, policy);
  const input = { bucket: owned, key, attributes, condition, incoming };
  return formAnswer(put, form, granted(await storeObject(put.objects, input), { bucket, key }));
};

function boundaryOf(call: S3Call): string {
  const boundary = formBoundary(call.headers.get("content-type"));
  if (boundary !== undefined) return boundary;
  const condition = "Bucket POST must be of the enclosure-type multipart/form-data";
  throw new S3Error("PreconditionFailed", { details: { Condition: condition } });
}

/** Finds who signed the form, or else the request around it. */
async function verifiedSender(call: S3Call, { fields }: Form): Promise<Verified> {
  const values = new Map([...fields].map(([name, { value }]) => [name, value]));
  const verified = await call.verifyForm(values);
  if (isRefusal(verified)) throw authError(verified);
  if (verified.accessKeyId === undefined) return call.verified;
  if (call.verified.accessKeyId === undefined) return verified;
  const message = "Only one auth mechanism allowed; sign the form or the request, not both.";
  throw invalidArgument("Authorization", "", message);
}

/**
 * Checks all that the policy, if there is one, says except the size of the file, and returns it.
 */
function checkedPolicy(put: S3Call, { fields }: Form): Policy | undefined {
  const encoded = fields.get("policy")?.value;
  if (encoded === undefined) return undefined;
  const policy = parsePolicy(encoded);
  const nowMs = put.objects.platform.clock.now();
  checkPolicy(policy, { fields, bucket: put.target.bucket, nowMs });
  return policy;
}

/** `tagging` is a document here. */
function tagsOf({ fields }: Form): { readonly tags?: readonly NameValue[] } {
  const tagging = fields.get("tagging")?.value;
  return tagging === undefined ? {} : { tags: parseTaggingField(tagging) };
}

/** The file as it is to be stored: of no other size than the policy allows. */
function fileUpload(put: S3Call, { file }: Form, policy: Policy | undefined): IncomingBody {
  if (policy === undefined) return openFile(put, file, plainPieces);
  const incoming = openFile(put, file, notAbove(policy));
  return {
    ...incoming,
    accept(digests, sizeBytes) {
      checkNotBelow(policy, sizeBytes);
      return incoming.accept(digests, sizeBytes);
    },
  };
}

function notAbove(policy: Policy): PieceDecoder {
  let sizeBytes = 0;
  return {
    ...plainPieces,
    push(piece) {
      sizeBytes += piece.length;
      checkNotAbove(policy, sizeBytes);
      return [piece];
    },
  };
}
