import assert from "node:assert/strict";
import { type ErrorCode, MockerError } from "../../engine/protocol/errors.ts";

/**
 * For `assert.rejects`: an error with this code and message, a hint that matches, and none of the tests'
 * passwords in it.
 */
export function failsWith(code: ErrorCode, message: RegExp, hint = /./): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof MockerError, String(error));
    assert.equal(error.code, code, error.stack);
    assert.match(error.message, message);
    assert.match(error.hint ?? "", hint);
    assert.doesNotMatch(`${error.message} ${error.hint}`, /secret|word ?123/);
    return true;
  };
}

/** Like {@link failsWith}, for an error that needs no hint. */
export function fails(code: ErrorCode, message: RegExp): (error: unknown) => true {
  return failsWith(code, message, /^/);
}
