/**
 * Members of the bodies of Docker's API: as Go reads them, null is what a missing one is, and others than
 * those that are declared are of no account.
 */
import * as v from "valibot";
import { isRecord, labels, strings } from "../../protocol/params/schema.ts";

export const text = v.nullish(v.string(), "");
export const flag = v.nullish(v.boolean(), false);
/** Go's int64. */
export const number = v.nullish(v.pipe(v.number(), v.integer()), 0);
/** Docker tells 0 from none here. */
export const maybeNumber = v.nullish(v.pipe(v.number(), v.integer()));
export const list = v.nullish(strings, []);
export const map = v.nullish(labels, {});
/** Go's strslice: one word may stand for a list of one; null and none are the same. */
export const words = v.nullish(
  v.union([
    strings,
    v.pipe(
      v.string(),
      v.transform((word) => [word]),
    ),
  ]),
);

/** An object of any keys, whose members are all of one kind. */
export function mapOf<T>(member: v.GenericSchema<unknown, T>) {
  return v.nullish(
    v.pipe(
      v.custom<Record<string, unknown>>(isRecord),
      v.transform((object) => Object.entries(object)),
      v.array(v.tuple([v.string(), member])),
    ),
    {},
  );
}

/** Those whose members say nothing: a set of keys. */
export const keys = mapOf(v.unknown());

/** A list of objects, of which null is none. */
export function listOf<T>(member: v.GenericSchema<unknown, T>) {
  return v.nullish(v.array(member), []);
}
