import type { Metrics } from "../admin/metrics.ts";
import type { BackgroundStatistics } from "../control/background.ts";
import type { IndexShipping } from "../control/shipping/index-shipping.ts";

/** How far the index is shipped. */
export function sampleShipping(
  metrics: Metrics,
  shipping: Pick<IndexShipping, "statistics">,
  unshipped: () => BackgroundStatistics["unshipped"],
): void {
  metrics.sampled(
    "gauge",
    "holdfast_index_shipped_sequence",
    "The last commit of the index that was shipped; 0: none was.",
    () => shipping.statistics.sequence ?? 0,
  );
  metrics.sampled(
    "gauge",
    "holdfast_index_shipping_behind",
    "Commits of the index that were not shipped at the last look.",
    () => [[[shipping.statistics.target], shipping.statistics.behind]],
    ["target"],
  );
  metrics.sampled(
    "gauge",
    "holdfast_index_shipping_places_held",
    "Records of these whose places in the commit log are in memory.",
    () => shipping.statistics.placesHeld,
  );
  metrics.sampled(
    "gauge",
    "holdfast_index_shipping_lag_seconds",
    "What was committed so long ago is shipped.",
    () => shipping.statistics.lagMs / 1000,
  );
  metrics.sampled(
    "counter",
    "holdfast_index_shipped_bytes_total",
    "Bytes put to the place that the index is shipped to.",
    () => shipping.statistics.bytes,
  );
  metrics.sampled(
    "gauge",
    "holdfast_index_shipping_kept_bytes",
    "Bytes of files that nothing refers to, kept until the commit that freed them is shipped.",
    () => unshipped()?.bytes ?? 0,
  );
  metrics.sampled(
    "gauge",
    "holdfast_index_shipping_given_up",
    "1 while no freed files are kept for the index in that place, since it is too far behind.",
    () => Number(unshipped()?.isGivenUp ?? false),
  );
}
