import { must } from "../../base/assert.ts";
import { noBytes } from "../../base/bytes.ts";
import { type Operation, xmlResponse } from "../call.ts";
import { keyParameter } from "../request/request-target.ts";
import {
  decodeContinuationToken,
  encodeContinuationToken,
  listPage,
  placeOf,
} from "../response/listing.ts";
import { xmlPage } from "../xml/xml-bytes.ts";
import { textElement } from "../xml/xml-write.ts";

export const listObjects: Operation = async (call) => {
  const marker = keyParameter(call.target.query, "marker");
  // boto3 decodes everything else that is encoded here, but not the prefix; the SDK for Java
  // decodes it.
  const listing = await listPage(call, {
    after: marker,
    withOwner: true,
    prefixAs: "echoElement",
  });
  const { encoding, page, delimiter } = listing;
  // Without a delimiter the last key is the marker, and S3 leaves it to the client to see that.
  const next = page.truncated && delimiter !== undefined ? placeOf(page.items.at(-1)) : undefined;
  return xmlResponse(
    xmlPage(
      "ListBucketResult",
      [
        encoding.keyElement("Marker", marker ?? noBytes),
        encoding.keyElement("NextMarker", next),
        ...listing.elements,
      ],
      listing.writeItems,
    ),
    listing.headers,
  );
};

export const listObjectsV2: Operation = async (call) => {
  const { query } = call.target;
  const token = query.get("continuation-token");
  const begun = decodeContinuationToken(token);
  // A token knows where the listing is: what it began after no longer matters, and is not repeated.
  const startAfter = begun === undefined ? keyParameter(query, "start-after") : undefined;
  const withOwner = query.get("fetch-owner") === "true";
  const { encoding, page, elements, writeItems, headers } = await listPage(call, {
    after: begun ?? startAfter,
    // A marker has always passed its prefix; start-after is a key, and nothing recorded of AWS says
    // more.
    prefixOfAfter: begun === undefined ? "again" : undefined,
    withOwner,
    prefixAs: "keyElement",
  });
  const next = page.truncated
    ? encodeContinuationToken(must(placeOf(page.items.at(-1)), "a truncated page has items"))
    : undefined;
  return xmlResponse(
    xmlPage(
      "ListBucketResult",
      [
        textElement("ContinuationToken", token),
        textElement("NextContinuationToken", next),
        encoding.keyElement("StartAfter", startAfter),
        textElement("KeyCount", page.items.length),
        ...elements,
      ],
      writeItems,
    ),
    headers,
  );
};
