/**
 * Animated pictures of screenshots: APNG (PNG, third edition, 11.3.4), which browsers, editors and
 * marketplaces show, and those that do not know it as the first frame. Of each frame only what has changed is
 * kept.
 */
import { crc32, deflateSync, inflateSync } from "node:zlib";

export interface Frame {
  /** As a browser takes them: eight bits, RGB or RGBA, not interlaced. */
  png: Buffer;
  seconds: number;
}

interface Bitmap {
  width: number;
  height: number;
  /** Three bytes a pixel. */
  rgb: Buffer;
}

interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** One PNG of frames of the same size, which runs for ever. */
export function animate(frames: readonly Frame[]): Buffer {
  const bitmaps = frames.map(({ png }) => decode(png));
  const [first] = bitmaps;
  if (first === undefined) throw new RangeError("an animation without frames");
  const header = Buffer.alloc(13);
  header.writeUInt32BE(first.width, 0);
  header.writeUInt32BE(first.height, 4);
  header.set([8, 2], 8);
  const control = Buffer.alloc(8);
  control.writeUInt32BE(frames.length, 0);
  let sequence = 0;
  const parts = bitmaps.flatMap((bitmap, index) => {
    const area = changedArea(bitmap, bitmaps[index - 1]);
    const frame = Buffer.alloc(26);
    frame.writeUInt32BE(sequence++, 0);
    frame.writeUInt32BE(area.width, 4);
    frame.writeUInt32BE(area.height, 8);
    frame.writeUInt32BE(area.x, 12);
    frame.writeUInt32BE(area.y, 16);
    frame.writeUInt16BE(Math.round((frames[index]?.seconds ?? 1) * 1000), 20);
    frame.writeUInt16BE(1000, 22);
    const data = deflateSync(filtered(bitmap, area), { level: 9 });
    if (index === 0) return [chunk("fcTL", frame), chunk("IDAT", data)];
    const number = Buffer.alloc(4);
    number.writeUInt32BE(sequence++, 0);
    return [chunk("fcTL", frame), chunk("fdAT", Buffer.concat([number, data]))];
  });
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("acTL", control),
    ...parts,
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

function decode(png: Buffer): Bitmap {
  const data: Buffer[] = [];
  let [width, height, channels] = [0, 0, 0];
  for (let at = signature.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") {
      [width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)];
      if (body[8] !== 8 || (body[9] !== 2 && body[9] !== 6) || body[12] !== 0)
        throw new RangeError("a screenshot of another kind");
      channels = body[9] === 2 ? 3 : 4;
    }
    if (type === "IDAT") data.push(body);
    at += length + 12;
  }
  return { width, height, rgb: unfiltered(inflateSync(Buffer.concat(data)), width, height, channels) };
}

/** Takes the filters (9.2) and the alpha channel off. */
function unfiltered(lines: Buffer, width: number, height: number, channels: number): Buffer {
  const size = width * channels;
  const rgb = Buffer.alloc(width * height * 3);
  let above = Buffer.alloc(size);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (size + 1)] ?? 0;
    const line = Buffer.from(lines.subarray(y * (size + 1) + 1, (y + 1) * (size + 1)));
    for (let i = 0; i < size; i++) {
      const left = i < channels ? 0 : (line[i - channels] ?? 0);
      const corner = i < channels ? 0 : (above[i - channels] ?? 0);
      line[i] = (line[i] ?? 0) + predicted(filter, left, above[i] ?? 0, corner);
    }
    for (let x = 0; x < width; x++) line.copy(rgb, (y * width + x) * 3, x * channels, x * channels + 3);
    above = line;
  }
  return rgb;
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4: {
      const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
      if (a <= b && a <= c) return left;
      return b <= c ? up : corner;
    }
    default:
      return 0;
  }
}

/** Lines of an area, each with the filter whose result is smallest (12.7). */
function filtered({ width, rgb }: Bitmap, area: Rectangle): Buffer {
  const size = area.width * 3;
  const result: Buffer[] = [];
  let above = Buffer.alloc(size);
  for (let y = area.y; y < area.y + area.height; y++) {
    const start = (y * width + area.x) * 3;
    const line = rgb.subarray(start, start + size);
    let best = Buffer.alloc(0);
    let least = Number.POSITIVE_INFINITY;
    for (let filter = 0; filter <= 4; filter++) {
      const candidate = Buffer.alloc(size + 1);
      candidate[0] = filter;
      let sum = 0;
      for (let i = 0; i < size; i++) {
        const left = i < 3 ? 0 : (line[i - 3] ?? 0);
        const corner = i < 3 ? 0 : (above[i - 3] ?? 0);
        const value = ((line[i] ?? 0) - predicted(filter, left, above[i] ?? 0, corner)) & 255;
        candidate[i + 1] = value;
        sum += value < 128 ? value : 256 - value;
      }
      if (sum < least) [best, least] = [candidate, sum];
    }
    result.push(best);
    above = Buffer.from(line);
  }
  return Buffer.concat(result);
}

/** The smallest area outside which two pictures are the same; all of the first. */
function changedArea(bitmap: Bitmap, before: Bitmap | undefined): Rectangle {
  const { width, height, rgb } = bitmap;
  if (before === undefined) return { x: 0, y: 0, width, height };
  if (before.width !== width || before.height !== height) throw new RangeError("frames of unequal sizes");
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      if (rgb.compare(before.rgb, at, at + 3, at, at + 3) === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = y + 1;
    }
  }
  // A frame has one pixel at least.
  if (right === 0) return { x: 0, y: 0, width: 1, height: 1 };
  return { x: left, y: top, width: right - left, height: bottom - top };
}
