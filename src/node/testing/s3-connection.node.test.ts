import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { S3Connection } from "./s3-connection.ts";

const identity = { accessKeyId: "a", secretAccessKey: "b", region: "us-east-1" };

test("S3 connection of tests: a held request is sent but for its last byte, with a body or without", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on a port
  const s3 = new S3Connection(`http://127.0.0.1:${port}`, identity);
  for (const body of ["some of it", ""]) {
    const accepted = once(server, "connection");
    const held = await s3.hold("PUT", "/bucket/key", { body });
    const [socket] = (await accepted) as [Socket];
    const whole = `\r\n\r\n${body}`;
    let received = "";
    while (!received.endsWith(whole.slice(0, -1))) {
      const [piece] = (await once(socket, "data")) as [Buffer];
      received += piece.toString();
    }
    const answer = held.finish();
    const [last] = (await once(socket, "data")) as [Buffer];
    assert.equal(last.toString(), whole.slice(-1));
    socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert.equal((await answer).body.toString(), "ok");
  }
  server.close();
});
