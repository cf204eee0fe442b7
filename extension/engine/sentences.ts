/** A failure and its hint as the editor shows them: one text of whole sentences. */
export function sentences(message: string, hint?: string): string {
  return [message, hint]
    .filter((text) => text !== undefined && text !== "")
    .map((text) => ended(capitalised(once(text ?? ""))))
    .join(" ");
}

/**
 * Not where the text begins with the user's own words, such as a reference or a path: those are spelled as
 * they are.
 */
function capitalised(text: string): string {
  return /^[a-z][a-z'-]*[ ,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** Registries say some things twice: `manifest unknown: manifest unknown`. */
function once(text: string): string {
  return text.replace(/(^|: )([^:]+): \2$/, "$1$2");
}

function ended(text: string): string {
  return /[.!?]\)?$/.test(text) ? text : `${text}.`;
}
