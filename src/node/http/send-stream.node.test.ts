import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { serve } from "../testing/http-peer.ts";

const pieces = 120;
/** A rest of less than the 64 KiB that a stream takes without a word follows each whole send. */
const pieceBytes = 256 * 1024 + 30_000;

/** Pieces that share their memory, each filled with its number as soon as the next is asked for. */
async function* inOneBuffer(): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(pieceBytes);
  for (let number = 0; number < pieces; number++) yield buffer.fill(number);
}

test("C4: a piece's memory is not reused until its last byte is sent, however slow the peer", async () => {
  const headers = [["content-length", String(pieces * pieceBytes)]] as const;
  await using server = await serve(() => ({ status: 200, headers, body: inOneBuffer() }));
  const socket = connect(server.port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  let received = 0;
  let wrong = 0;
  let head = true;
  for await (const data of socket as AsyncIterable<Buffer>) {
    const body = head ? data.subarray(data.indexOf("\r\n\r\n") + 4) : data;
    head = false;
    for (const byte of body) if (byte !== Math.floor(received++ / pieceBytes)) wrong++;
    if (received % 5 === 0) await sleep(1);
  }
  assert.deepEqual([received, wrong], [pieces * pieceBytes, 0]);
});
