import { whenReady } from "../../base/ready.ts";
import { getObject as readObject } from "../../object/read/get.ts";
import { isRefusal } from "../../object/refusal.ts";
import type { Operation } from "../call.ts";
import { objectHeaders } from "../response/object-response.ts";
import { openRead, refusedRead } from "../response/object-read.ts";

/** What is in memory is answered without a wait, and so without a promise. */
export const getObject: Operation = (call) =>
  whenReady(openRead(call), (input) =>
    whenReady(readObject(call.objects, input), (read) => {
      if (isRefusal(read)) return refusedRead(read, call);
      const status = read.partial ? 206 : 200;
      const headers = objectHeaders(call, read);
      return whenReady(read.body.begin(), (body) => ({ status, headers, body }));
    }),
  );
