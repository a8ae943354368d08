/**
 * Finds out who signed an HTML form (PostObject). What is signed is its `policy`, as sent; the
 * policy in turn says what the other fields may be, which the code that knows S3's fields checks.
 */
import type { AuthRefusal } from "./auth-refusal.ts";
import type { Claim, Verified, Verifier } from "./claim.ts";
import { parseCredential } from "./authorization.ts";
import { anonymous } from "./authorize.ts";
import type { Credential } from "./access-key.ts";
import { signatureV2 } from "./signature-v2.ts";
import { sameSignature, signatureAlgorithm } from "./signature-v4.ts";
import { parseTimestamp } from "./request-time.ts";
import { onlyVersion4 } from "./verify-v2.ts";
import { isRefusal } from "../base/refusal.ts";

/** A form's fields, by their names in lower case. */
export type FormFields = ReadonlyMap<string, string>;

/** @limit S3: a key of Signature V4 signs for seven days. */
const signatureAgeMsMax = 7 * 24 * 60 * 60 * 1000;

/** Fields of V4, in the order and the spelling in which S3 reports them missing. */
const fieldsOfV4 = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature"];
const fieldsOfV2 = ["AWSAccessKeyId", "Signature"];

/** `anonymous` where the form holds no credentials at all: authorize judges that, not we. */
export function claimForm(verifier: Verifier, fields: FormFields): Claim | AuthRefusal {
  if (hasAny(fields, fieldsOfV4))
    return missingField(fields, fieldsOfV4) ?? claimV4(verifier, fields);
  if (hasAny(fields, fieldsOfV2) && !verifier.acceptsV2) return onlyVersion4;
  if (hasAny(fields, fieldsOfV2))
    return missingField(fields, fieldsOfV2) ?? claimV2(verifier, fields);
  const accessKeyId = undefined;
  return { accessKeyId, verify: () => verified({ principal: anonymous, accessKeyId }) };
}

function hasAny(fields: FormFields, names: readonly string[]): boolean {
  return names.some((name) => fields.has(name.toLowerCase()));
}

function missingField(fields: FormFields, names: readonly string[]): AuthRefusal | undefined {
  const field = [...names, "Policy"].find((name) => !fields.has(name.toLowerCase()));
  if (field === undefined) return undefined;
  return { refusal: "form_field_missing", field };
}

function claimV4(verifier: Verifier, fields: FormFields): Claim | AuthRefusal {
  const { hash, region, clock, keys } = verifier;
  const algorithm = fieldOf(fields, "x-amz-algorithm");
  if (algorithm !== signatureAlgorithm) {
    const message = `X-Amz-Algorithm only supports "${signatureAlgorithm}"`;
    return invalidField("X-Amz-Algorithm", algorithm, message);
  }
  const text = fieldOf(fields, "x-amz-credential");
  const claim = parseCredential(text, { region, prefix: "" });
  if (isRefusal(claim)) {
    return { ...invalidField("X-Amz-Credential", text, claim.message), region: claim.region };
  }
  const timestamp = fieldOf(fields, "x-amz-date");
  const signedMs = parseTimestamp(timestamp);
  if (signedMs === undefined || !timestamp.startsWith(claim.date)) {
    const message = "X-Amz-Date must be formated via ISO8601 Long format"; // S3's own spelling
    return invalidField("X-Amz-Date", timestamp, message);
  }
  const serverTimeMs = clock.now();
  const expiresAtMs = signedMs + signatureAgeMsMax;
  if (serverTimeMs > expiresAtMs) {
    const expiresSeconds = signatureAgeMsMax / 1000;
    const refusal = "presign_expired";
    return { refusal, expiresAtMs, expiresSeconds, serverTimeMs };
  }
  return claimOf(fields, {
    accessKeyId: claim.accessKeyId,
    signature: fieldOf(fields, "x-amz-signature"),
    sign: ({ secretAccessKey }, policy) =>
      hash.hmacSha256Text(keys.derive(secretAccessKey, claim.date), policy),
  });
}

function claimV2({ hash }: Verifier, fields: FormFields): Claim {
  return claimOf(fields, {
    accessKeyId: fieldOf(fields, "awsaccesskeyid"),
    signature: fieldOf(fields, "signature"),
    sign: ({ secretAccessKey }, policy) => signatureV2(hash, secretAccessKey, policy),
  });
}

interface FormSigner {
  readonly accessKeyId: string;
  readonly signature: string;
  readonly sign: (credential: Credential, policy: string) => string;
}

function claimOf(fields: FormFields, signer: FormSigner): Claim {
  const { accessKeyId, signature, sign } = signer;
  return {
    accessKeyId,
    verify(credential) {
      if (credential === undefined) {
        return { refusal: "access_key_unknown", accessKeyId };
      }
      const token = fields.get("x-amz-security-token");
      if (token !== undefined) return { refusal: "token_invalid", token };
      const policy = fieldOf(fields, "policy");
      if (sameSignature(sign(credential, policy), signature)) {
        return verified({ principal: credential.principal, accessKeyId });
      }
      return {
        refusal: "signature_mismatch",
        accessKeyId,
        signatureProvided: signature,
        stringToSign: policy,
        canonicalRequest: undefined,
      };
    },
  };
}

/** The file in the form is as it comes: nothing vouches for its bytes but what its fields say. */
function verified(who: Pick<Verified, "principal" | "accessKeyId">): Verified {
  const payload = { kind: "unsigned" } as const;
  return { ...who, payload, signedHeaders: [], presigned: false };
}

function fieldOf(fields: FormFields, name: string): string {
  return fields.get(name) ?? "";
}

function invalidField(field: string, value: string, message: string) {
  return { refusal: "form_field_invalid", field, value, message } as const;
}
