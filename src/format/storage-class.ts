/** How often objects are read, by which schemes are chosen (placement/choose-scheme.ts). */
export type Temperature = "hot" | "warm" | "cold";

/** The class of objects for which none was named. */
export const standardClass = "STANDARD";

/** S3's storage classes that are taken. */
const temperatures: ReadonlyMap<string, Temperature> = new Map([
  [standardClass, "warm"],
  ["STANDARD_IA", "cold"],
  ["ONEZONE_IA", "cold"],
  // Its objects begin in the tier of those that are read often.
  ["INTELLIGENT_TIERING", "hot"],
  ["GLACIER_IR", "cold"],
  // A name of S3's past; nothing is less redundant because of it.
  ["REDUCED_REDUNDANCY", "warm"],
]);

export const storageClasses: readonly string[] = [...temperatures.keys()];

export function isStorageClass(name: string): boolean {
  return temperatures.has(name);
}

/** Warm for a class that is not known, as one of a newer version. */
export function temperatureOf(storageClass: string): Temperature {
  return temperatures.get(storageClass) ?? "warm";
}
