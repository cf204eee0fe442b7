/** A test's or suite's end. */
export interface Outcome {
  event: "pass" | "fail";
  name: string;
  nesting: number;
  file?: string;
  suite: boolean;
  durationMs?: number;
  skip?: string | boolean;
  todo?: string | boolean;
  failureType?: string;
  error?: string;
}

/** What reporter.mjs writes between `\x1e` and `\x1f`. */
export type TestRecord =
  | Outcome
  | { event: "begin"; name: string; nesting: number; file?: string }
  | { event: "start"; name: string; nesting: number; file?: string }
  | { event: "output"; file?: string; text: string };

/** Cuts a process's output into records and what was printed between them. */
export function recordReader(
  onRecord: (record: TestRecord) => void,
  onText: (text: string) => void,
): (data: Buffer) => void {
  const decoder = new TextDecoder();
  let rest = "";
  return (data) => {
    rest += decoder.decode(data, { stream: true });
    for (;;) {
      const begin = rest.indexOf("\x1e");
      if (begin === -1) {
        if (rest !== "") onText(rest);
        rest = "";
        return;
      }
      if (begin > 0) onText(rest.slice(0, begin));
      const end = rest.indexOf("\x1f", begin);
      rest = rest.slice(begin);
      if (end === -1) return;
      const json = rest.slice(1, end - begin);
      rest = rest.slice(end - begin + 1);
      onRecord(JSON.parse(json) as TestRecord);
    }
  };
}
