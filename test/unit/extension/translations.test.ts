import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../support/paths.ts";

const read = (path: string) =>
  JSON.parse(readFileSync(join(rootDir(), path), "utf8")) as Record<string, string>;

/** What a translation keeps: places for values, icons, links to commands and settings, code. */
const kept = /\{\d+\}|\$\(\w+\)|\((?:command|https?):[^)\s]+\)|`[^`]+`/g;

const bundles = [
  { english: "l10n/bundle.l10n.json", german: "l10n/bundle.l10n.de.json" },
  { english: "package.nls.json", german: "package.nls.de.json" },
];

for (const { english, german } of bundles) {
  test(`${german} has what ${english} has, in German`, () => {
    const [ours, theirs] = [read(english), read(german)];
    assert.deepEqual(Object.keys(theirs), Object.keys(ours));
    for (const [key, text] of Object.entries(ours)) {
      const translated = theirs[key] ?? "";
      assert.deepEqual(
        (translated.match(kept) ?? []).sort(),
        (text.match(kept) ?? []).sort(),
        `${key}: ${translated}`,
      );
      assert.notEqual(translated.trim(), "", key);
      assert.equal(/[….?!]$/.exec(text)?.[0] === "…", translated.endsWith("…"), `${key}: ${translated}`);
      assert.doesNotMatch(translated, /\b(du|dein(e[mnrs]?)?|dich|dir)\b/i, "polite to all");
    }
    const same = Object.keys(ours).filter((key) => ours[key] === theirs[key]);
    assert.ok(same.length < Object.keys(ours).length / 8, same.join(", "));
  });
}
