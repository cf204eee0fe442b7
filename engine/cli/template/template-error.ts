/** Parse and execution errors, in Go's words. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}
