/** A piece of a joined disk: the first `bytes` of `file`. */
export interface Extent {
  /** Relative to the descriptor's directory, or absolute. */
  file: string;
  bytes: number;
}

const sectorBytes = 512;

/**
 * The descriptor of a VMDK disk that joins files without copying them. The text is what libkrun's reader (the
 * crate imago, src/vmdk) takes, which fails for any key that it does not know, for more than 2 MiB, and for a
 * quotation mark in a name.
 */
export function vmdkDescriptor(extents: readonly Extent[]): string {
  const lines = [
    "# Disk DescriptorFile",
    "version=1",
    "CID=fffffffe",
    "parentCID=ffffffff",
    'createType="monolithicFlat"',
    "",
    "# Extent description",
  ];
  for (const { file, bytes } of extents) {
    if (bytes % sectorBytes !== 0)
      throw new RangeError(`the extent ${file} is not a whole number of sectors`);
    if (/["\r\n]/.test(file))
      throw new RangeError(`the extent's name ${JSON.stringify(file)} cannot be quoted`);
    lines.push(`RDONLY ${bytes / sectorBytes} FLAT "${file}" 0`);
  }
  return `${lines.join("\n")}\n`;
}
