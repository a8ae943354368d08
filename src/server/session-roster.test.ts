import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionId } from "../format/ids.ts";
import { isAlive, SessionRegister } from "./session-roster.ts";

const id = (n: number): SessionId => n as SessionId;

test("session roster: no session is dead before every started process has named its own", () => {
  const register = new SessionRegister();
  register.begins(1);
  register.begins(2);
  register.opened(2, id(12));
  assert.equal(isAlive(register.roster(), id(5)), true);
  register.opened(1, id(11));
  const roster = register.roster();
  assert.deepEqual(
    [5, 11, 12, 13].map((n) => isAlive(roster, id(n))),
    [false, true, true, true],
  );
});

test("session roster: an ended process's session is dead, also if it was never named", () => {
  const register = new SessionRegister();
  register.begins(1);
  register.opened(1, id(7));
  register.begins(2); // gets 8, and dies before it can say so
  register.ended(2);
  register.begins(3);
  register.opened(3, id(9));
  register.ended(1);
  const roster = register.roster();
  assert.deepEqual(
    [7, 8, 9].map((n) => isAlive(roster, id(n))),
    [false, false, true],
  );
});

test("session roster: an old roster never calls a newer session dead", () => {
  const register = new SessionRegister();
  register.begins(1);
  register.opened(1, id(3));
  const old = register.roster();
  register.begins(2);
  register.opened(2, id(4));
  assert.equal(isAlive(old, id(4)), true);
});
