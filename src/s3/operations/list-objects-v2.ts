import { must } from "../../base/assert.ts";
import { type Operation, xmlResponse } from "../call.ts";
import {
  decodeContinuationToken,
  encodeContinuationToken,
} from "../response/continuation-token.ts";
import { listPage, placeOf } from "../response/listing.ts";
import { keyParameter } from "../request/request-target.ts";
import { xmlPage } from "../xml/xml-bytes.ts";
import { textElement } from "../xml/xml-write.ts";

export const listObjectsV2: Operation = async (call) => {
  const { query } = call.target;
  const token = query.get("continuation-token");
  const begun = decodeContinuationToken(token);
  // A token knows where the listing is: what it began after no longer matters, and is not repeated.
  const startAfter = begun === undefined ? keyParameter(query, "start-after") : undefined;
  const withOwner = query.get("fetch-owner") === "true";
  const { encoding, page, elements, writeItems, headers } = await listPage(call, {
    after: begun ?? startAfter,
    // A marker has always passed its prefix; start-after is a key, and nothing recorded of AWS says more.
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
