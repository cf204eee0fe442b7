import assert from "node:assert/strict";
import { test } from "node:test";
import { sentences } from "../../../../extension/engine/sentences.ts";

test("a failure and its hint are sentences", () => {
  assert.equal(sentences("the VM is gone", "start it again"), "The VM is gone. Start it again.");
  assert.equal(sentences("Already one.", "Is it?"), "Already one. Is it?");
  assert.equal(sentences("no space left"), "No space left.");
  assert.equal(sentences("no space left", ""), "No space left.");
});

test("names of the user stay as they are spelled, also at the beginning", () => {
  assert.equal(sentences("nosuch: not found"), "nosuch: not found.");
  assert.equal(sentences("debian:12 is not here"), "debian:12 is not here.");
  assert.equal(sentences("/home/user/.env: no such file"), "/home/user/.env: no such file.");
  assert.equal(sentences("127.0.0.1:5000/app not found"), "127.0.0.1:5000/app not found.");
});

test("nothing is said twice, and a sentence in brackets has its end", () => {
  assert.equal(sentences("not found: manifest unknown: manifest unknown"), "Not found: manifest unknown.");
  assert.equal(sentences("denied: denied"), "denied.");
  assert.equal(sentences("a: b: a"), "a: b: a.");
  assert.equal(sentences("Name it. (This was for UPPER/Case::x.)"), "Name it. (This was for UPPER/Case::x.)");
});
