import assert from "node:assert/strict";
import { test } from "node:test";
import { createTimestamps, formatTimestamp, parseTimestamp } from "./request-time.ts";

const timeMs = Date.UTC(2013, 4, 24, 1, 2, 3);

test("timestamps of Signature V4 are read and written", () => {
  assert.equal(formatTimestamp(timeMs), "20130524T010203Z");
  assert.equal(formatTimestamp(timeMs + 999), "20130524T010203Z");
  assert.equal(parseTimestamp("20130524T010203Z"), timeMs);
  assert.equal(parseTimestamp("20240229T235959Z"), Date.UTC(2024, 1, 29, 23, 59, 59));
});

test("timestamps: text that is not a timestamp is not read", () => {
  const wrong = ["", "20130524", "20130524T010203", "2013-05-24T01:02:03Z", "20130532T000000Z"];
  const over = ["20130024T000000Z", "20131301T000000Z", "20130431T000000Z", "20230229T000000Z"];
  const clock = ["20130524T240000Z", "20130524T236000Z", "20130524T235960Z", "20130524T235999Z"];
  for (const text of [...wrong, ...over, ...clock]) {
    assert.equal(parseTimestamp(text), undefined, text);
  }
});

test("timestamps that are remembered are read as others are", () => {
  const parse = createTimestamps();
  for (const text of [
    "",
    "20130524T010203Z",
    "20130524T010203Z",
    "20130532T000000Z",
    "20130524T010203Z",
  ]) {
    assert.equal(parse(text), parseTimestamp(text), text);
  }
});
