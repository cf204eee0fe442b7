import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as vscode from "vscode";
import { Connection } from "../../../../extension/engine/connection.ts";
import { Model } from "../../../../extension/engine/model.ts";
import { ProcessTerminal } from "../../../../extension/terminals/process-terminal.ts";
import { Terminals } from "../../../../extension/terminals/terminals.ts";
import { fake } from "../fake-vscode.ts";

let terminals: Terminals;
const names = () => fake.terminals.map(({ name }) => name);
const vm = (name: string) => ({ id: name, name });
const click = (name: string) => terminals.openConsole(vm(name), { preserveFocus: true, preview: true });
const type = (name: string, text: string) => {
  const pty = fake.terminals.find((terminal) => terminal.name === name)?.creationOptions.pty;
  assert.ok(pty instanceof ProcessTerminal);
  pty.handleInput(text);
};

beforeEach(() => {
  fake.reset();
  const log = vscode.window.createOutputChannel("Mocker", { log: true });
  const connection = new Connection(log, "0");
  const memory = { get: () => undefined, update: async () => undefined };
  terminals = new Terminals(connection, new Model(connection, log), log, memory);
});

test("clicks on one VM after another have one terminal", () => {
  for (const name of ["web", "db", "api"]) click(name);
  assert.deepEqual(names(), ["api"]);
  click("api");
  assert.deepEqual(names(), ["api"]);
});

test("a terminal that was typed in, or asked for by a command, stays", () => {
  click("web");
  // The answer of a terminal to its process is nobody's typing.
  type("web", "\x1b[?1;2c");
  click("db");
  assert.deepEqual(names(), ["db"]);
  type("db", "ls\r");
  click("api");
  assert.deepEqual(names(), ["db", "api"]);
  terminals.openConsole(vm("api"));
  click("cache");
  assert.deepEqual(names(), ["db", "api", "cache"]);
});

test("a preview that the user has closed is not looked for", () => {
  click("web");
  fake.terminals[0]?.dispose();
  click("db");
  assert.deepEqual(names(), ["db"]);
});
