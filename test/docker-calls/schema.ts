import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv, { type ValidateFunction } from "ajv";
import { parse } from "yaml";
import { runTool } from "../support/host.ts";

const module = "github.com/moby/moby/api@v1.57.0";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What Docker's own description of an API version says of answers. */
export class ApiSchema {
  readonly #ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  readonly #paths: Record<string, Record<string, { responses: Record<string, { schema?: Json }> }>>;

  private constructor(text: string) {
    const document = parse(text);
    this.#paths = document.paths;
    this.#ajv.addSchema({ $id: "api", definitions: asGoWrites(document.definitions) as object });
  }

  /** Of API version 1.`minor`, out of moby's Go module, which the Go checksum database vouches for. */
  static async of(minor: number): Promise<ApiSchema> {
    const found = await runTool("go", ["mod", "download", "-json", module], { cwd: "/" });
    const { Dir: directory } = JSON.parse(found) as { Dir: string };
    return new ApiSchema(readFileSync(join(directory, "docs", `v1.${minor}.yaml`), "utf8"));
  }

  /** What is wrong with an answer, `/State/Pid must be integer`; nothing if it is as described. */
  complaints(method: string, path: string, answer: unknown, status = 200): string[] {
    const schema = this.#paths[path]?.[method]?.responses[status]?.schema;
    if (schema === undefined) throw new Error(`nothing is described of ${method} ${path} ${status}`);
    const validate: ValidateFunction = this.#ajv.compile(asGoWrites(schema) as object);
    if (validate(answer)) return [];
    const told = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
    // Of the other branches of what may be null.
    return told.filter((complaint) => !/ must (be null|match a schema in anyOf)$/.test(complaint));
  }
}

/**
 * JSON Schema of a Swagger one: what has members, or may have none, is null where Go's is nil, which the
 * description says only of some. Examples are left out.
 */
function asGoWrites(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(asGoWrites);
  if (typeof schema !== "object" || schema === null) return schema;
  const { example: _, ...rest } = schema;
  const entries = Object.entries(rest).map(([key, value]): [string, Json] => [
    key,
    key === "$ref" && typeof value === "string" ? `api${value}` : asGoWrites(value),
  ]);
  const made = Object.fromEntries(entries);
  const { type } = made;
  const isNilable = type === "array" || type === "object" || made["x-nullable"] === true;
  if (typeof type === "string" && isNilable) made.type = [type, "null"];
  if (made.$ref !== undefined) return { anyOf: [{ $ref: made.$ref }, { type: "null" }] };
  return made;
}
