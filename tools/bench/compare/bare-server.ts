// The reference: node:http in as many processes, with as many bytes and no S3, no index, no disk.
// Prints its port.
import cluster from "node:cluster";
import { createServer } from "node:http";

const [workers, bodyBytes] = [Number(process.argv[2]), Number(process.argv[3])];

if (cluster.isPrimary) {
  let listening = 0;
  // The kernel hands out connections, as for our server.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  for (let i = 0; i < workers; i++) cluster.fork();
  cluster.on("listening", (_, address) => {
    if (++listening === workers) console.log(JSON.stringify({ port: address.port }));
  });
  process.on("SIGTERM", () => process.exit(0));
} else {
  const body = Buffer.alloc(bodyBytes, 7);
  const server = createServer((request, response) => {
    if (request.method === "GET" || request.method === "HEAD") {
      response.writeHead(200, { "content-length": body.length });
      response.end(body);
      return;
    }
    request.resume();
    request.on("end", () => {
      if (request.method === "DELETE") response.writeHead(204);
      else response.writeHead(200, { "content-length": 0 });
      response.end();
    });
  });
  server.listen(0, "127.0.0.1");
  process.on("disconnect", () => process.exit(0));
}
