/** Tar archives that no program writes. */

/** Makes a header's checksum good, so that the header is looked at further. */
export function repairChecksum(tar: Buffer, header: number): void {
  if (header + 512 > tar.length) return;
  tar.write("        ", header + 148, "latin1");
  const sum = tar.subarray(header, header + 512).reduce((a, b) => a + b, 0);
  tar.write(`${sum.toString(8).padStart(6, "0").slice(-6)}\0 `, header + 148, "latin1");
}

/** Changes a header of a tar and repairs its checksum. */
export function patch(tar: Buffer, offset: number, bytes: string | Buffer, header = 0): Buffer {
  const copy = Buffer.from(tar);
  copy.set(Buffer.from(bytes as string, "latin1"), header + offset);
  repairChecksum(copy, header);
  return copy;
}

/** A PAX extended header for the next entry. */
export function pax(records: Record<string, string | Buffer>, type = "x"): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const body = Buffer.concat([
      Buffer.from(` ${key}=`),
      Buffer.from(value as string, "latin1"),
      Buffer.from("\n"),
    ]);
    let length = body.length + 1;
    while (String(length).length + body.length !== length) length++;
    return Buffer.concat([Buffer.from(String(length)), body]);
  });
  return rawEntry("pax", type, Buffer.concat(lines));
}

/** A plain header with its contents, padded; `size` is what the header says. */
export function rawEntry(name: string, type: string, contents: Buffer, size = contents.length): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, "latin1");
  header.write("0000644\x000000000\x000000000\0", 100);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write(type, 156, "latin1");
  header.write("ustar\x0000", 257);
  repairChecksum(header, 0);
  return Buffer.concat([header, contents, Buffer.alloc((512 - (contents.length % 512)) % 512)]);
}

/** The end of an archive. */
export const end = Buffer.alloc(1024);
