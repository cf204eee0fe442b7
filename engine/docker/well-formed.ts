const loneSurrogate = /\p{Surrogate}/u;

/** Whether text is Unicode: a lone half of a surrogate pair has no UTF-8. */
export function isWellFormed(text: string): boolean {
  return !loneSurrogate.test(text);
}

/** Text in which what is no Unicode is U+FFFD, as Go, and so Docker, reads it from JSON. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}
