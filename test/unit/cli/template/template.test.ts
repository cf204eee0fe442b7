import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Template } from "../../../../engine/cli/template/template.ts";
import { TemplateError } from "../../../../engine/cli/template/template-error.ts";
import { toJson } from "../../../../engine/docker/go-json.ts";
import { templateCases } from "./template-cases.ts";

const labels = new Map([
  ["b", "2"],
  ["a", "1"],
]);
const data = {
  ID: "abc123",
  Names: "web",
  State: "running",
  Ports: ["80/tcp", "443/tcp"],
  Count: 3,
  Labels: labels,
  Nested: { A: "x y", B: [1, 2] },
  On: true,
  Ratio: 1.5,
  None: null,
  Label: (name: string) => labels.get(name),
};

describe("Go templates", () => {
  for (const { template, output, error } of templateCases) {
    test(JSON.stringify(template), () => {
      const execute = (): string => new Template(template).execute(data, { typeName: "main.Ctx" });
      if (error === undefined) assert.equal(execute(), output);
      else assert.throws(execute, new TemplateError(error));
    });
  }

  test("an object that is no row is a map whose keys must exist", () => {
    assert.throws(
      () => new Template("{{.State.Foo}}").execute({ State: { Status: "running" } }),
      new TemplateError('template: :1:8: executing "" at <.State.Foo>: map has no entry for key "Foo"'),
    );
  });

  test("what JavaScript objects inherit is not there", () => {
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
      assert.throws(() => new Template(`{{.${name}}}`).execute({}), TemplateError);
      assert.throws(() => new Template(`{{${name} .}}`).execute({}), TemplateError);
    }
  });

  test("JSON has maps' keys sorted and no escaped HTML", () => {
    assert.equal(
      toJson({
        z: 1,
        m: new Map([
          ["b", "<2>"],
          ["a", "1"],
        ]),
      }),
      '{"z":1,"m":{"a":"1","b":"<2>"}}',
    );
  });
});
