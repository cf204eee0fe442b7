/**
 * The text that a JSON document says its first member `name` has, as far as the document can be made out;
 * empty where there is none. For a record that is damaged.
 */
export function rescuedMember(document: string, name: string): string {
  const found = new RegExp(`"${name}"\\s*:\\s*("(?:[^"\\\\\n]|\\\\.)*")`).exec(document)?.[1];
  try {
    return found === undefined ? "" : String(JSON.parse(found));
  } catch {
    return "";
  }
}
