import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commandNames } from "../../../extension/commands/command-names.ts";
import {
  runConfigurationShape,
  volumeShape,
} from "../../../extension/run-configurations/run-configuration.ts";

const root = process.env.MOCKER_TEST_ROOT ?? process.cwd();
const read = (path: string) => readFileSync(join(root, path), "utf8");

interface Command {
  command: string;
  title: string;
  category: string;
  enablement?: string;
  icon?: string;
}
interface MenuItem {
  command: string;
  when?: string;
  group?: string;
}
interface Setting {
  type: string;
  default: unknown;
  scope: string;
  markdownDescription: string;
  ignoreSync?: boolean;
}
interface Manifest {
  icon: string;
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  contributes: {
    commands: Command[];
    configuration: { properties: Record<string, Setting> };
    views: Record<string, { id: string }[]>;
    viewsWelcome: { view: string; when: string; contents: string }[];
    menus: Record<"commandPalette" | "view/title" | "view/item/context", MenuItem[]>;
    jsonValidation: { url: string }[];
    walkthroughs: {
      steps: { description: string; media: { image: Record<string, string>; altText: string } }[];
    }[];
    keybindings: { command: string }[];
  };
}

const { capabilities, contributes, icon } = JSON.parse(read("package.json")) as Manifest;
const strings = JSON.parse(read("package.nls.json")) as Record<string, string>;
const sources = readdirSync(join(root, "extension"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => read(`extension/${name}`))
  .join("\n");

/** Commands that are in the palette at any time, and why. */
const always: Record<string, string> = {
  createVolume: "makes the first one",
  createNetwork: "makes the first one",
  showVms: "says so when there is none",
  pullImage: "the first thing one does",
  restartEngine: "helps most when nothing else works",
  showLog: "helps most when nothing else works",
  copyDiagnostics: "helps most when nothing else works",
  doctor: "tells why nothing works",
  installCommand: "needs nothing but the extension",
  getStarted: "needs nothing but the extension",
};

test("every command has a title, a category and a handler", () => {
  assert.deepEqual(
    contributes.commands.map(({ command }) => command),
    commandNames.map((name) => `mocker.${name}`),
  );
  for (const { title, category, command } of contributes.commands) {
    assert.ok(strings[title.slice(1, -1)], `${command} has no title`);
    assert.equal(category, "Mocker");
  }
});

test("every command is offered only when it can do something, or there is a reason", () => {
  for (const name of commandNames) {
    const id = `mocker.${name}`;
    const palette = contributes.menus.commandPalette.find(({ command }) => command === id);
    const enablement = contributes.commands.find(({ command }) => command === id)?.enablement;
    const conditional = palette?.when !== undefined || enablement !== undefined;
    assert.ok(conditional !== name in always, `${id}: give it a when, or a reason here, not both`);
  }
});

test("a command that the palette hides is in a menu", () => {
  const menus = [...contributes.menus["view/item/context"], ...contributes.menus["view/title"]];
  for (const { command, when } of contributes.menus.commandPalette) {
    if (when === "false")
      assert.ok(
        menus.some((item) => item.command === command),
        `${command} is nowhere`,
      );
  }
});

test("menus, keys and welcomes name commands and views that exist", () => {
  const commands = new Set(contributes.commands.map(({ command }) => command));
  const views = new Set(Object.values(contributes.views).flatMap((list) => list.map(({ id }) => id)));
  const items = [...Object.values(contributes.menus).flat(), ...contributes.keybindings];
  for (const { command } of items) assert.ok(commands.has(command), command);
  for (const item of contributes.menus["view/item/context"]) {
    assert.match(item.group ?? "", /^(inline|[123]_\w+)@\d$/, item.command);
  }
  for (const { view } of contributes.viewsWelcome) assert.ok(views.has(view), view);
  const texts = Object.values(strings).join("\n");
  for (const [, command] of texts.matchAll(/\(command:(mocker\.\w+)\)/g))
    assert.ok(commands.has(command ?? ""), command);
});

test("icons in menus are there where the title is not", () => {
  const icons = new Map(contributes.commands.map(({ command, icon: name }) => [command, name]));
  for (const item of Object.values(contributes.menus).flat()) {
    if (item.group?.startsWith("inline") || item.group?.startsWith("navigation")) {
      assert.ok(icons.get(item.command), `${item.command} has no icon`);
    }
  }
});

test("every string is used, and every one that is used exists", () => {
  const manifest = read("package.json");
  const used = [...manifest.matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key ?? "");
  assert.deepEqual(
    used.filter((key) => strings[key] === undefined),
    [],
  );
  assert.deepEqual(
    Object.keys(strings).filter((key) => !used.includes(key)),
    [],
  );
});

test("there are at most twelve settings, each described, scoped and read", () => {
  const settings = Object.entries(contributes.configuration.properties);
  assert.ok(settings.length <= 12, String(settings.length));
  for (const [name, { markdownDescription, scope }] of settings) {
    assert.ok(strings[markdownDescription.slice(1, -1)], name);
    assert.match(scope, /^(application|machine|machine-overridable|window|resource)$/, name);
    const short = name.replace(/^mocker\./, "");
    // vscode-languageclient reads the trace of the client whose ID is "mocker".
    const isRead =
      short === "trace.server" ? sources.includes('super("mocker"') : sources.includes(`setting("${short}"`);
    assert.ok(isRead, `${name} is not read`);
  }
  const declared = [...read("extension/settings.ts").matchAll(/^ {2}"?([\w.]+)"?: /gm)].map(
    ([, name]) => `mocker.${name}`,
  );
  assert.deepEqual([...declared, "mocker.trace.server"].sort(), settings.map(([name]) => name).sort());
});

test("paths are not synchronised between machines", () => {
  const path = contributes.configuration.properties["mocker.engine.path"];
  assert.equal(path?.scope, "machine");
  assert.equal(path?.ignoreSync, true);
});

test("an untrusted workspace changes neither which programs run nor how well they are kept apart", () => {
  for (const name of ["mocker.engine.path", "mocker.run.runtime", "mocker.run.network"]) {
    assert.ok(capabilities.untrustedWorkspaces.restrictedConfigurations.includes(name), name);
  }
});

test("conditions ask for keys that the extension sets", () => {
  const conditions = [
    ...Object.values(contributes.menus).flat(),
    ...contributes.viewsWelcome,
    ...contributes.commands.map(({ enablement }) => ({ when: enablement })),
  ].map(({ when }) => when ?? "");
  const asked = new Set(
    conditions.flatMap((when) => [...when.matchAll(/(?<!== )\bmocker\.[a-z]\w*/g)].map(String)),
  );
  const set = new Set(
    [...read("extension/views/context-keys.ts").matchAll(/#set\(\s*"([\w.]+)"/g)].map(([, key]) => key),
  );
  assert.deepEqual(
    [...asked].filter((key) => !set.has(key)),
    [],
  );
});

test("errors that people see are written for translators", () => {
  const plain = [...sources.matchAll(/new MockerError\(\s*"(?!INTERNAL)[A-Z_]+",\s*["`].*/g)].map(String);
  assert.deepEqual(plain, []);
});

test("files that the manifest names exist", () => {
  const files = [
    icon,
    ...contributes.jsonValidation.map(({ url }) => url),
    ...contributes.walkthroughs.flatMap(({ steps }) =>
      steps.flatMap(({ media }) => Object.values(media.image)),
    ),
  ];
  for (const file of files) assert.ok(existsSync(join(root, file)), file);
});

interface Schema {
  type?: string;
  enum?: string[];
  items?: Schema;
  $ref?: string;
  additionalProperties?: boolean | Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

/** The name that run-configuration.ts has for a schema's type. */
function typeOf(schema: Schema): unknown {
  if (schema.enum) return schema.enum;
  if (schema.$ref === "#/definitions/volume") return "volume";
  if (schema.type === "array") return `${String(typeOf(schema.items ?? {}))}[]`;
  if (schema.type === "object") {
    const values = schema.additionalProperties;
    return typeof values === "object" && values.type === "string" ? "record" : "object";
  }
  return schema.type;
}

test("the schema of mocker.json is the TypeScript type", () => {
  const { definitions } = JSON.parse(read("media/mocker.schema.json")) as {
    definitions: Record<"volume" | "runConfiguration", Schema>;
  };
  const types = (schema: Schema) =>
    Object.fromEntries(Object.entries(schema.properties ?? {}).map(([key, value]) => [key, typeOf(value)]));
  assert.deepEqual(types(definitions.runConfiguration), { ...runConfigurationShape });
  assert.deepEqual(definitions.runConfiguration.required, ["name", "image"]);
  assert.equal(definitions.runConfiguration.additionalProperties, false);
  assert.deepEqual(types(definitions.volume), { ...volumeShape });
  assert.equal(definitions.volume.additionalProperties, false);
});

test("texts that the code shows are in the bundle for translators", () => {
  const bundle = JSON.parse(read("l10n/bundle.l10n.json")) as Record<string, string>;
  const shown = new Set(
    [...sources.matchAll(/\bl10n\.t\(\s*(?:"((?:[^"\\]|\\.)*)"|'([^'\\]*)')/g)].map(([, text, plain]) =>
      plain === undefined ? (JSON.parse(`"${text}"`) as string) : plain,
    ),
  );
  assert.deepEqual(Object.keys(bundle).sort(), [...shown].sort());
});
