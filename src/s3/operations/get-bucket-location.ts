import { type Operation, permit, xmlResponse } from "../call.ts";
import { firstRegion } from "../request/regions.ts";
import { xmlTextDocument } from "../xml/xml-write.ts";

export const getBucketLocation: Operation = async (call) => {
  const { bucket: name } = call.target;
  const { region } = await permit(call, "s3:GetBucketLocation", { bucket: name });
  // S3's first region has no name here.
  return xmlResponse(xmlTextDocument("LocationConstraint", region === firstRegion ? "" : region));
};
