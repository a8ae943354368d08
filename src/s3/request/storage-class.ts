import type { HeaderList, Headers } from "../../platform/http.ts";
import { S3Error } from "../errors.ts";

// A storage class is a name that an object keeps. All classes here are read at once, and are stored alike: there is one
// scheme. Classes whose objects have to be restored before they can be read would be a promise that nothing keeps, so
// they are refused as any name is that S3 does not know.

const header = "x-amz-storage-class";
/** The class of objects for which none was named; answers about an object leave it out. */
const standard = "STANDARD";

const storageClasses: ReadonlySet<string> = new Set([
  standard,
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER_IR",
  "REDUCED_REDUNDANCY",
]);

/** The class that a PUT, form, copy or new upload asks for. A copy does not keep that of its source. */
export function parseStorageClass(headers: Headers): string {
  const storageClass = headers.get(header) ?? standard;
  if (storageClasses.has(storageClass)) return storageClass;
  throw new S3Error("InvalidStorageClass", { details: { StorageClassRequested: storageClass } });
}

/** Whether the request names a class: in a copy onto itself, that counts as changing it. */
export function namesStorageClass(headers: Headers): boolean {
  return headers.has(header);
}

export function storageClassHeaders(storageClass: string): HeaderList {
  return storageClass === standard ? [] : [[header, storageClass]];
}
