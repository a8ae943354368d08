import { type AddressInfo, createServer } from "node:net";
import type { Settings } from "../../server/settings.ts";
import { listenError } from "./http-server.ts";

/**
 * The port to serve on: the one asked for, or a free one for 0. Listening on it alone for a moment
 * shows that nobody else does: workers share their port, and would share it with another server's
 * of the same user as well.
 */
export function claimPort({ host, port }: Settings["listen"]): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(listenError(cause, host, port));
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address() as AddressInfo; // it is a TCP server
      server.close(() => resolve(address.port));
    });
  });
}
