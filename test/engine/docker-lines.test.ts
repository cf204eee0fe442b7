/**
 * The lines of test/docker-lines, typed at a real Docker, at Mocker, and at Docker's own command line that
 * talks to Mocker's socket: all that differs has its reason there.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Line, parts, readSessions, type Way, ways } from "../docker-lines/lines.ts";
import type { Outcome } from "../docker-lines/normalise.ts";
import { objectComplaints, objectLines, objectsOf } from "../docker-lines/objects.ts";
import { cliSide, dockerSide, type Side, socketSide } from "../docker-lines/side.ts";
import { dockerArchive } from "../fixtures/docker/docker-archive.ts";
import { tmpDir } from "../support/tmp-dir.ts";

describe("command lines have Docker's stdout, stderr and exit status", () => {
  let docker: Side;
  let mocker: Record<Way, Side>;

  before(async () => {
    const directory = tmpDir();
    const archives: string[] = [];
    for (const [image, name] of [
      ["busybox", "box"],
      ["configured", "conf"],
    ] as const) {
      archives.push(await dockerArchive(directory, name, image));
    }
    docker = await dockerSide(archives);
    mocker = { cli: cliSide(archives), socket: await socketSide(archives) };
  });
  after(async () => {
    await Promise.all([docker?.close(), mocker?.cli.close(), mocker?.socket.close()]);
  });

  for (const { name, lines } of readSessions()) {
    test(name, async () => {
      const texts = lines.map(({ text }) => text);
      const [dockers, cli, socket] = await Promise.all([
        docker.runAll(texts),
        mocker.cli.runAll(texts),
        mocker.socket.runAll(texts),
      ]);
      const outcomes = { cli, socket };
      const wrong = lines.flatMap((line, index) =>
        ways.flatMap((way) => complaints(line, way, dockers[index], outcomes[way][index])),
      );
      assert.ok(wrong.length === 0, `${wrong.length} of ${lines.length} lines:\n\n${wrong.join("\n")}`);
    });
  }

  test("objects have all paths that Docker's have, with their types", async () => {
    const texts = [...objectsOf, ...objectLines.map(({ text }) => text)];
    const [dockers, mockers] = await Promise.all([docker.runAll(texts), mocker.cli.runAll(texts)]);
    const wrong = objectLines.flatMap((line, index) => {
      const at = objectsOf.length + index;
      const complaints = objectComplaints(line, dockers[at]?.stdout ?? "", mockers[at]?.stdout ?? "");
      return complaints.length === 0 ? [] : [line.text, ...complaints];
    });
    assert.ok(wrong.length === 0, wrong.join("\n"));
  });
});

/** What is wrong with a line: differences without a reason, and reasons without a difference. */
function complaints(
  line: Line,
  way: Way,
  docker: Outcome | undefined,
  mocker: Outcome | undefined,
): string[] {
  const wrong = parts.flatMap((part) => {
    const [theirs = "", ours = ""] = [docker?.[part], mocker?.[part]];
    const reason = line.differences[way].get(part);
    if (theirs !== ours && reason === undefined)
      return [`  ${part}\n${indent("D", theirs)}${indent("M", ours)}`];
    if (theirs === ours && reason !== undefined)
      return [`  ${part} does not differ, but is listed: ${reason}\n`];
    return [];
  });
  return wrong.length === 0 ? [] : [`${way} $ ${line.text}\n${wrong.join("")}`];
}

/** The text with marks before its lines, and one after a last line that does not end. */
function indent(mark: string, text: string): string {
  const shown =
    text === ""
      ? "(nothing)"
      : text.endsWith("\n")
        ? text.slice(0, -1)
        : text.length < 4
          ? text
          : `${text} (no end of line)`;
  return `${shown.replace(/^/gm, `    ${mark} `)}\n`;
}
