import { type Operation, xmlResponse } from "../call.ts";
import { listPage, placeOf } from "../response/listing.ts";
import { keyParameter } from "../request/request-target.ts";
import { noBytes } from "../../base/bytes.ts";
import { xmlPage } from "../xml/xml-bytes.ts";

export const listObjects: Operation = async (call) => {
  const marker = keyParameter(call.target.query, "marker");
  // boto3 decodes everything else that is encoded here, but not the prefix; the SDK for Java decodes it.
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
