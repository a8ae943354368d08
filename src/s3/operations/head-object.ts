import { whenReady } from "../../base/ready.ts";
import { headObject as readHead } from "../../object/read/get.ts";
import { isRefusal } from "../../object/refusal.ts";
import type { Operation } from "../call.ts";
import { objectHeaders } from "../response/object-response.ts";
import { openRead, refusedRead } from "../response/object-read.ts";

export const headObject: Operation = (call) =>
  whenReady(openRead(call), (input) =>
    whenReady(readHead(call.objects, input), (info) =>
      isRefusal(info)
        ? refusedRead(info, call)
        : { status: info.partial ? 206 : 200, headers: objectHeaders(call, info) },
    ),
  );
