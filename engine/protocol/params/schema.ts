/**
 * What the requests' params are declared with. The engine checks every request against its declaration;
 * clients import only the types, so that their bundles hold nothing of this directory and of the schema
 * library.
 */
import * as v from "valibot";

/** JSON has no NaN, but 1e999 is read as Infinity. */
export const finiteNumber = v.pipe(v.number(), v.finite());

export const strings = v.array(v.string());

/**
 * An object of any keys. valibot's own `record` drops the keys `constructor` and `prototype`, which are good
 * labels. The member's schema must not be one of an object.
 */
function record<T>(member: v.GenericSchema<T>) {
  return v.pipe(
    v.custom<Record<string, unknown>>(isRecord),
    v.rawTransform<Record<string, unknown>, Record<string, T>>(({ dataset: { value: input }, addIssue }) => {
      const checked: [string, T][] = [];
      for (const [key, value] of Object.entries(input)) {
        const result = v.safeParse(member, value, { abortEarly: true });
        if (result.success) {
          checked.push([key, result.output]);
          continue;
        }
        const [{ expected, input: wrong, path = [] }] = result.issues;
        const at: v.ObjectPathItem = { type: "object", origin: "value", input, key, value };
        addIssue({ expected: expected ?? "", input: wrong, path: [at, ...path] });
      }
      return Object.fromEntries(checked);
    }),
  );
}

export const labels = record(v.string());

/** Docker's filters: the values of each key, which are alternatives. */
export const filters = record(strings);

/** Whether a value of JSON is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
