import assert from "node:assert/strict";
import { test } from "node:test";
import { headersByName, requestHead } from "./http.ts";

function queryOf(target: string) {
  return requestHead("GET", target, new Map()).query;
}

test("request head: a header that was sent several times is joined, without the blanks around it", () => {
  const headers = headersByName([
    ["host", "h"],
    ["x-two", "a "],
    ["x-two", "\tb  c"],
    ["x-one", " d"],
  ]);
  assert.deepEqual(
    [...headers],
    [
      ["host", "h"],
      ["x-two", "a,b  c"],
      ["x-one", " d"],
    ],
  );
});

test("request head: path and query are divided at the first question mark", () => {
  const { path, query, target } = requestHead("GET", "/b/a%2Fb?x=?&y", new Map());
  assert.equal(target, "/b/a%2Fb?x=?&y");
  assert.equal(path, "/b/a%2Fb");
  assert.deepEqual(query, [
    { raw: "x=?", name: "x", value: "?" },
    { raw: "y", name: "y", value: "" },
  ]);
  assert.deepEqual(queryOf("/b"), []);
  assert.deepEqual(queryOf("/b?&&"), []);
});

test("request head: parameters are decoded to bytes, and what is no escape stays", () => {
  assert.deepEqual(queryOf("/?a%3D=%C3%A9+b%2B&%zz=%4"), [
    { raw: "a%3D=%C3%A9+b%2B", name: "a=", value: "\u00c3\u00a9 b+" },
    { raw: "%zz=%4", name: "%zz", value: "%4" },
  ]);
});

test("request head: a query of too many parameters, or with what is no escape, is not readable", () => {
  const isReadable = (target: string) => requestHead("GET", target, new Map()).isQueryReadable;
  assert.equal(isReadable(`/?${"a=1&".repeat(99)}`), true);
  assert.equal(isReadable(`/?${"a=1&".repeat(100)}`), false);
  assert.deepEqual([isReadable("/?%41=%42"), isReadable("/%zz")], [true, true]);
  assert.deepEqual([isReadable("/?%4"), isReadable("/?a=%zz")], [false, false]);
});

test("request head: the host is a name in lower case, without port and the dot of the root", () => {
  const hostOf = (host: string) => requestHead("GET", "/", new Map([["host", host]])).host;
  assert.deepEqual(
    ["S3.Test", "s3.test:9000", "s3.test.:443"].map(hostOf),
    Array(3).fill("s3.test"),
  );
  assert.equal(hostOf("[::1]:9000"), "[::1]");
  assert.equal(requestHead("GET", "/", new Map()).host, "");
});
