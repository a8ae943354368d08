import { StoreError } from "../base/errors.ts";
import { scanAll } from "../engine/scan-pages.ts";
import type { DiskId } from "../format/ids.ts";
import {
  type OrderedTask,
  parseWorkOrderKey,
  space,
  spaceRange,
  type WorkOrderPlace,
  workOrderKey,
} from "../format/row-keys.ts";
import { decodeWorkOrder, encodeWorkOrder, noOrder, type WorkOrder } from "../format/work-order.ts";
import type { Keymap } from "./keymap.ts";

/*
 * What operators ask of repair and scrub, as rows: any process writes them, and the background
 * worker reads them before each step. So they hold over restarts of both.
 */

/** @limit Each failure means that somebody else changed the order. */
const attemptsMax = 16;

/** What was asked of one task. */
export interface WorkOrders extends WorkOrder {
  /** When it was last asked to begin anew on one disk. */
  readonly beginMsOf: ReadonlyMap<DiskId, number>;
}

export async function readWorkOrders(
  { system }: Pick<Keymap, "system">,
  task: OrderedTask,
): Promise<WorkOrders> {
  let ofTask = noOrder;
  const beginMsOf = new Map<DiskId, number>();
  for (const { key, value } of await scanAll(system, spaceRange(space.workOrders))) {
    const place = parseWorkOrderKey(key);
    if (place.task !== task) continue;
    const order = decodeWorkOrder(value);
    if (place.disk === undefined) ofTask = order;
    else beginMsOf.set(place.disk, order.beginMs);
  }
  return { ...ofTask, beginMsOf };
}

/** Changes what is asked; what was not asked of before is `noOrder`. */
export async function changeWorkOrder(
  { system, session }: Pick<Keymap, "system" | "session">,
  place: WorkOrderPlace,
  change: (order: WorkOrder) => WorkOrder,
): Promise<void> {
  const key = workOrderKey(place);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const [before] = await system.read([key]);
    const order = change(before === undefined ? noOrder : decodeWorkOrder(before.value));
    const { outcome } = await system.commit({
      id: session.nextChangeId(),
      checks: [{ key, expect: before?.stamp ?? "absent" }],
      puts: [{ key, value: encodeWorkOrder(order) }],
      deletes: [],
    });
    if (outcome === "ok") return;
  }
  throw new StoreError("overloaded", `orders of ${place.task} kept changing: try again`);
}
