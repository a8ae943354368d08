import assert from "node:assert/strict";
import { test } from "node:test";
import { createHttpDates, formatHttpDate, parseHttpDate } from "./http-date.ts";

const timeMs = Date.UTC(1994, 10, 6, 8, 49, 37);

test("dates: HTTP's three forms and mail's are read, the first is written", () => {
  assert.equal(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), timeMs);
  assert.equal(parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT"), timeMs);
  assert.equal(parseHttpDate("Sun Nov  6 08:49:37 1994"), timeMs);
  assert.equal(parseHttpDate("Sun, 6 Nov 1994 08:49:37 +0000"), timeMs);
  assert.equal(formatHttpDate(timeMs + 999), "Sun, 06 Nov 1994 08:49:37 GMT");
});

test("dates: in every zone form that clients send", () => {
  // RFC 5322, sections 3.3 and 4.3, which AWS's older SDKs and mail libraries follow.
  const utc = ["GMT", "UTC", "UT", "Z", "+0000", "-0000", "+00:00", "GMT+00:00", "UTC+0000"];
  for (const zone of utc) {
    for (const day of ["Sun, 06", "Sun, 6", "Sun,06", "06", "6"]) {
      for (const hour of ["08", "8"]) {
        const text = `${day} Nov 1994 ${hour}:49:37 ${zone}`;
        assert.equal(parseHttpDate(text), timeMs, text);
      }
    }
  }
  for (const [text, hours] of [
    ["Sun, 06 Nov 1994 00:49:37 -0800", 8],
    ["Sun, 06 Nov 1994 00:49:37 PST", 8],
    ["Sun, 06 Nov 1994 01:49:37 PDT", 7],
    ["Sun, 06 Nov 1994 03:49:37 EST", 5],
    ["Sat, 05 Nov 1994 23:49:37 -0900", 9],
    ["Sun, 06 Nov 1994 14:19:37 +0530", -5.5],
    ["Sunday, 06-Nov-94 00:49:37 PST", 8],
    ["Sun Nov  6 08:49:37 UTC 1994", 0],
    ["Sun Nov 6 08:49:37 1994", 0],
  ] as const) {
    assert.equal(parseHttpDate(text), timeMs, `${text} ${hours}`);
  }
  assert.equal(parseHttpDate("Sun, 06 Nov 1994 08:49 GMT"), timeMs - 37_000);
  for (const zone of ["", "XYZ", "CET", "+2400", "+0060", "+1", "+08", "gmt", "0000"]) {
    assert.equal(parseHttpDate(`Sun, 06 Nov 1994 08:49:37 ${zone}`), undefined, zone);
  }
});

test("dates: what is written is what the engine writes, for any time up to the year 9999", () => {
  for (let ms = 0; ms < Date.UTC(10_000, 0); ms += 86_399_999 * 101 + ms / 7) {
    assert.equal(formatHttpDate(ms), new Date(ms).toUTCString());
  }
});

test("dates: other forms, and text that is not a date, are refused", () => {
  const others = ["", "now", "24 May 2013", "2013", "1369357323", "1994-11-06T08:49:37Z"];
  const none = ["31 Feb 1994 08:49:37", "06 Nov 1994 25:49:37", "06 Foo 1994 08:49:37"];
  for (const text of [...others, ...none.map((date) => `Sun, ${date} GMT`)]) {
    assert.equal(parseHttpDate(text), undefined, text);
  }
});

test("dates of answers are those of their second", () => {
  const format = createHttpDates();
  for (const ms of [0, 1, 999, 1000, 999, 61_000, 60_999, 1_732_258_434_123]) {
    assert.equal(format(ms), formatHttpDate(ms), String(ms));
  }
});
