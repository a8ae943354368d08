import { createLossCheck } from "../../erasure/losses.ts";
import type { CanLose } from "../survival.ts";

/** Asks the codes themselves, also Reed–Solomon's. */
export const canLoseByCode: CanLose = createLossCheck();
