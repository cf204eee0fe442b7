//! Writes the metadata of an EROFS file system (Linux' fs/erofs/erofs_fs.h): superblock, inodes and
//! directories. The contents of files are not copied: they lie in the layers' data blobs, which follow the
//! metadata on the disk that engine/daemon/images/rootfs/vmdk.ts joins, and inodes point there by block
//! number. Small files have their inodes there too, see engine/daemon/images/layers/erofs-inode.ts. Only
//! features of the first kernels with EROFS (5.4) are used: flat inodes, plain or with an inline tail, and
//! inline xattrs.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::index::{device, xattrs, BLOCK_DEVICE, CHARACTER_DEVICE, DIRECTORY, FIFO, FILE, SYMLINK};
use crate::tree::{Fault, Id, Inode, Tree, ROOT};

const BLOCK: u64 = 4096;
const BLOCK_BITS: u8 = 12;
const SUPER_OFFSET: u64 = 1024;
const SUPER_BYTES: u64 = 128;
const MAGIC: u32 = 0xe0f5_e1e2;
const COMPAT_CHECKSUM: u32 = 1;
const COMPAT_MTIME: u32 = 2;
const SLOT_BITS: u32 = 5;
const SLOT: u64 = 1 << SLOT_BITS;

const LAYOUT_PLAIN: u16 = 0;
/// The last part of the contents follows the inode, in the same block.
const LAYOUT_INLINE: u16 = 2;
const COMPACT_BYTES: u64 = 32;
const EXTENDED_BYTES: u64 = 64;
/// "No block", where nothing but the inode itself holds contents.
const NO_BLOCK: u32 = u32::MAX;

const DIRENT_BYTES: usize = 12;
const XATTR_HEADER_BYTES: u64 = 12;
/// The layers' converter allows half of that.
const MAXIMUM_XATTR_BYTES: u64 = 128 * 1024;

/// How many inodes are asked for the time that most have.
const TIME_SAMPLE: usize = 4096;

/// Prefixes that have a number on disk; attributes of other namespaces cannot be stored, as on most file
/// systems.
const XATTR_PREFIXES: [(&[u8], u8, bool); 5] = [
    (b"user.", 1, false),
    (b"system.posix_acl_access", 2, true),
    (b"system.posix_acl_default", 3, true),
    (b"trusted.", 4, false),
    (b"security.", 6, false),
];

pub struct Written {
    pub metadata_bytes: u64,
    pub inodes: u64,
    /// For each layer, how much of its data the file system refers to; the used ones follow the metadata in
    /// this order.
    pub extents: Vec<u64>,
}

/// Where an inode goes.
#[derive(Clone, Copy, Default)]
struct Spot {
    /// On the joined disk; a multiple of 32.
    offset: u64,
    /// Bytes of the contents that are in the metadata: of directories, symlinks and small files that are not
    /// in the data.
    body_bytes: u64,
    xattr_bytes: u64,
    /// Of the contents that are not in the inode itself.
    first_block: u32,
    /// Of a directory, by number.
    parent: u32,
    subdirectories: u32,
    /// Small files whose inodes are in the layers' data: all but those with several names, which layers
    /// cannot know.
    in_data: bool,
    extended: bool,
    inline: bool,
}

struct Layout<'a> {
    tree: &'a Tree,
    /// Each inode once, directories before what is in them; the place here is an inode's number.
    order: Vec<Id>,
    /// By ID.
    numbers: Vec<u32>,
    /// By number.
    spots: Vec<Spot>,
    time: (i64, u32),
}

/// Writes a tree to a new file. `data_paths`: the layers' data, bottom layer first.
pub fn write(tree: &Tree, metadata: &Path, uuid: [u8; 16], data_paths: &[&Path]) -> Result<Written, Fault> {
    if data_paths.len() < tree.layers as usize {
        return Err(Fault::Damaged("a layer without data"));
    }
    let mut layout = Layout::of(tree)?;
    let metadata_blocks = layout.place()?;

    // Which blobs are needed, and at which block each begins on the joined disk.
    let mut extents = vec![0; data_paths.len()];
    for (inode, spot) in layout.inodes() {
        if inode.kind == FILE && inode.size > 0 && spot.body_bytes == 0 {
            let end = inode.place.checked_add(inode.size).filter(|&end| end < 1 << 53);
            let end = round_up(end.ok_or(Fault::Damaged("a file beyond all bounds"))?, BLOCK);
            let known = &mut extents[inode.layer as usize];
            *known = end.max(*known);
        }
    }
    let mut block = metadata_blocks;
    let mut layer_blocks = Vec::with_capacity(extents.len());
    for bytes in &extents {
        layer_blocks.push(block);
        block += bytes / BLOCK;
    }
    if block >= u64::from(NO_BLOCK) {
        return Err(Fault::Invalid(b"the image is larger than 16 TiB".to_vec()));
    }
    for number in 0..layout.order.len() {
        if layout.spots[number].in_data {
            let inode = layout.inode(number);
            let offset = layer_blocks[inode.layer as usize] * BLOCK + inode.place - EXTENDED_BYTES;
            layout.spots[number].offset = offset;
        }
    }

    let mut out = BlockFile::create(metadata)?;
    let mut contents = Contents { paths: data_paths, files: data_paths.iter().map(|_| None).collect() };
    let mut names = Vec::new();
    for number in 0..layout.order.len() {
        if !layout.spots[number].in_data {
            layout.write_inode(&mut out, number, &layer_blocks, &mut contents, &mut names)?;
        }
    }
    for number in 0..layout.order.len() {
        layout.write_body(&mut out, number, &mut names)?;
    }
    let superblock = layout.superblock(uuid, block);
    out.finish(metadata_blocks * BLOCK, &superblock)?;
    Ok(Written { metadata_bytes: metadata_blocks * BLOCK, inodes: layout.order.len() as u64, extents })
}

impl<'a> Layout<'a> {
    /// Numbers the inodes, and looks at what each needs. A queue, because depth is the image's choice.
    fn of(tree: &'a Tree) -> Result<Self, Fault> {
        let mut order = Vec::with_capacity(tree.inodes.len());
        let mut numbers = vec![u32::MAX; tree.inodes.len()];
        order.push(ROOT);
        numbers[ROOT as usize] = 0;
        let mut spots = vec![Spot::default()];
        let mut number = 0;
        while number < order.len() {
            let inode = &tree.inodes[order[number] as usize];
            let mut bytes = Directory::new();
            for (name, child) in &inode.children {
                bytes.add(name.len());
                let known = &mut numbers[child.inode as usize];
                if *known == u32::MAX {
                    *known = order.len() as u32;
                    order.push(child.inode);
                    spots.push(Spot { parent: number as u32, ..Spot::default() });
                }
                if tree.inodes[child.inode as usize].is_directory() {
                    spots[number].subdirectories += 1;
                }
            }
            let spot = &mut spots[number];
            match inode.kind {
                DIRECTORY if bytes.is_small() => spot.body_bytes = bytes.total as u64,
                DIRECTORY => {
                    let mut names = Vec::new();
                    list(tree, &numbers, number, spot.parent, inode, &mut names);
                    spot.body_bytes = large_directory_bytes(&names);
                }
                SYMLINK => spot.body_bytes = inode.size,
                FILE if inode.size > 0 && inode.place % BLOCK != 0 => {
                    let in_block = inode.place % BLOCK;
                    if in_block < EXTENDED_BYTES || in_block % SLOT != 0 || inode.size > BLOCK - in_block {
                        return Err(Fault::Damaged("a small file that is not within a block"));
                    }
                    spot.in_data = inode.links == 1;
                    if !spot.in_data {
                        spot.body_bytes = inode.size;
                    }
                }
                _ => {}
            }
            number += 1;
        }
        let mut layout = Self { tree, order, numbers, spots, time: (0, 0) };
        layout.time = layout.common_time();
        Ok(layout)
    }

    fn inode(&self, number: usize) -> &'a Inode {
        &self.tree.inodes[self.order[number] as usize]
    }

    fn inodes(&self) -> impl Iterator<Item = (&'a Inode, &Spot)> {
        self.order.iter().map(|&id| &self.tree.inodes[id as usize]).zip(&self.spots)
    }

    /// The time that most inodes have: those need none of their own and may be half as large. It pays for
    /// images whose times are all the same, so the first few thousand tell.
    fn common_time(&self) -> (i64, u32) {
        let mut counts: HashMap<(i64, u32), u32> = HashMap::new();
        let mut best = ((0, 0), 0);
        for (inode, _) in self.inodes().filter(|(_, spot)| !spot.in_data).take(TIME_SAMPLE) {
            let time = (inode.seconds, inode.nanoseconds);
            let count = counts.entry(time).or_default();
            *count += 1;
            if *count > best.1 {
                best = (time, *count);
            }
        }
        best.0
    }

    fn links(&self, number: usize) -> u32 {
        let inode = self.inode(number);
        if inode.is_directory() {
            2 + self.spots[number].subdirectories
        } else {
            inode.links
        }
    }

    /// Gives each inode in the metadata its place, and each body its blocks. Returns how many blocks that
    /// takes.
    fn place(&mut self) -> Result<u64, Fault> {
        let mut cursor = SUPER_OFFSET + SUPER_BYTES;
        for number in 0..self.order.len() {
            if self.spots[number].in_data {
                continue;
            }
            let inode = self.inode(number);
            let links = self.links(number);
            let spot = &mut self.spots[number];
            spot.extended = (inode.seconds, inode.nanoseconds) != self.time
                || inode.uid > 0xffff
                || inode.gid > 0xffff
                || links > 0xffff
                || inode.size > 0xffff_ffff;
            spot.xattr_bytes = xattr_bytes(inode)?;
            let head = spot.head_bytes();
            cursor = round_up(cursor, SLOT);
            // Not across a block: no reader needs to join two halves of an inode.
            if spot.extended && cursor % BLOCK + EXTENDED_BYTES > BLOCK {
                cursor += COMPACT_BYTES;
            }
            let tail = spot.body_bytes % BLOCK;
            spot.inline = tail > 0 && head + tail <= BLOCK;
            if inode.kind == FILE && tail > 0 && !spot.inline {
                return Err(Fault::Damaged("a small file with large attributes"));
            }
            if spot.inline && cursor % BLOCK + head + tail > BLOCK {
                cursor = round_up(cursor, BLOCK);
            }
            spot.offset = cursor;
            cursor += head + if spot.inline { tail } else { 0 };
        }
        // fsck.erofs looks for attributes behind each inode, also behind one that has none.
        let mut block = (cursor + XATTR_HEADER_BYTES).div_ceil(BLOCK);
        for spot in self.spots.iter_mut().filter(|spot| !spot.in_data) {
            let blocks = if spot.inline { spot.body_bytes / BLOCK } else { spot.body_bytes.div_ceil(BLOCK) };
            spot.first_block = if blocks == 0 { NO_BLOCK } else { block as u32 };
            block += blocks;
            if block >= u64::from(NO_BLOCK) {
                return Err(Fault::Invalid(b"its names and attributes take more than 16 TiB".to_vec()));
            }
        }
        Ok(block)
    }

    /// The inode, its xattrs and the part of its contents that is inline.
    fn write_inode(
        &self,
        out: &mut BlockFile,
        number: usize,
        layer_blocks: &[u64],
        contents: &mut Contents,
        names: &mut Vec<Dirent<'a>>,
    ) -> Result<(), Fault> {
        let inode = self.inode(number);
        let spot = &self.spots[number];
        let tail = if spot.inline { (spot.body_bytes % BLOCK) as usize } else { 0 };
        let head = spot.head_bytes() as usize;
        let image = out.at(spot.offset, head + tail)?;

        let mut reference = spot.first_block;
        match inode.kind {
            FILE if inode.size > 0 && spot.body_bytes == 0 => {
                reference = (layer_blocks[inode.layer as usize] + inode.place / BLOCK) as u32;
            }
            CHARACTER_DEVICE | BLOCK_DEVICE => {
                let (major, minor) = device(inode.place);
                // new_encode_dev() of the kernel.
                reference = (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12);
            }
            FIFO => reference = 0,
            _ => {}
        }

        let layout = if spot.inline { LAYOUT_INLINE } else { LAYOUT_PLAIN };
        let xattr_count =
            if spot.xattr_bytes == 0 { 0 } else { (spot.xattr_bytes - XATTR_HEADER_BYTES) / 4 + 1 };
        let size = if inode.kind == FILE { inode.size } else { spot.body_bytes };
        let links = self.links(number);
        put16(image, 0, layout << 1 | u16::from(spot.extended));
        put16(image, 2, xattr_count as u16);
        put16(image, 4, type_of(inode.kind).mode | inode.mode);
        put32(image, 16, reference);
        put32(image, 20, number as u32 + 1);
        if spot.extended {
            image[8..16].copy_from_slice(&size.to_le_bytes());
            put32(image, 24, inode.uid);
            put32(image, 28, inode.gid);
            image[32..40].copy_from_slice(&inode.seconds.to_le_bytes());
            put32(image, 40, inode.nanoseconds);
            put32(image, 44, links);
        } else {
            put16(image, 6, links as u16);
            put32(image, 8, size as u32);
            put16(image, 24, inode.uid as u16);
            put16(image, 26, inode.gid as u16);
        }
        if spot.xattr_bytes > 0 {
            write_xattrs(
                inode,
                &mut image[(head as u64 - spot.xattr_bytes + XATTR_HEADER_BYTES) as usize..head],
            );
        }
        if tail == 0 {
            return Ok(());
        }
        let rest = &mut image[head..];
        match inode.kind {
            SYMLINK => rest.copy_from_slice(&inode.link()[inode.link().len() - tail..]),
            FILE => contents.read(inode, rest)?,
            _ => {
                self.list(number, names);
                let last = blocks_of(names).last().unwrap_or_default();
                self.write_dirents(rest, last);
            }
        }
        Ok(())
    }

    /// The whole blocks of a directory's or symlink's contents.
    fn write_body(
        &self,
        out: &mut BlockFile,
        number: usize,
        names: &mut Vec<Dirent<'a>>,
    ) -> Result<(), Fault> {
        let spot = &self.spots[number];
        if spot.in_data || spot.first_block == NO_BLOCK {
            return Ok(());
        }
        let inode = self.inode(number);
        let start = u64::from(spot.first_block) * BLOCK;
        if inode.kind == SYMLINK {
            let whole = if spot.inline { inode.size - inode.size % BLOCK } else { inode.size } as usize;
            out.at(start, whole)?.copy_from_slice(&inode.link()[..whole]);
            return Ok(());
        }
        self.list(number, names);
        let whole =
            (if spot.inline { spot.body_bytes / BLOCK } else { spot.body_bytes.div_ceil(BLOCK) }) as usize;
        for (block, entries) in blocks_of(names).take(whole).enumerate() {
            self.write_dirents(out.at(start + block as u64 * BLOCK, BLOCK as usize)?, entries);
        }
        Ok(())
    }

    fn list(&self, number: usize, names: &mut Vec<Dirent<'a>>) {
        list(self.tree, &self.numbers, number, self.spots[number].parent, self.inode(number), names);
    }

    fn write_dirents(&self, image: &mut [u8], entries: &[Dirent]) {
        let mut name_at = entries.len() * DIRENT_BYTES;
        for (i, entry) in entries.iter().enumerate() {
            let slot = self.spots[entry.target as usize].offset / SLOT;
            let at = i * DIRENT_BYTES;
            image[at..at + 8].copy_from_slice(&slot.to_le_bytes());
            put16(image, at + 8, name_at as u16);
            image[at + 10] = entry.file_type;
            image[name_at..name_at + entry.name.len()].copy_from_slice(entry.name);
            name_at += entry.name.len();
        }
    }

    fn superblock(&self, uuid: [u8; 16], blocks: u64) -> [u8; SUPER_BYTES as usize] {
        let mut sb = [0; SUPER_BYTES as usize];
        put32(&mut sb, 0, MAGIC);
        put32(&mut sb, 8, COMPAT_CHECKSUM | COMPAT_MTIME);
        sb[12] = BLOCK_BITS;
        put16(&mut sb, 14, (self.spots[0].offset >> SLOT_BITS) as u16);
        sb[16..24].copy_from_slice(&(self.order.len() as u64).to_le_bytes());
        sb[24..32].copy_from_slice(&self.time.0.to_le_bytes());
        put32(&mut sb, 32, self.time.1);
        put32(&mut sb, 36, blocks as u32);
        sb[48..64].copy_from_slice(&uuid);
        sb[64..70].copy_from_slice(b"mocker");
        sb
    }
}

impl Spot {
    /// The inode and its xattrs.
    fn head_bytes(&self) -> u64 {
        (if self.extended { EXTENDED_BYTES } else { COMPACT_BYTES }) + self.xattr_bytes
    }
}

struct Type {
    mode: u16,
    /// In a directory.
    file_type: u8,
}

fn type_of(kind: u8) -> Type {
    let (mode, file_type) = match kind {
        FILE => (0o100_000, 1),
        DIRECTORY => (0o040_000, 2),
        CHARACTER_DEVICE => (0o020_000, 3),
        BLOCK_DEVICE => (0o060_000, 4),
        FIFO => (0o010_000, 5),
        _ => (0o120_000, 7),
    };
    Type { mode, file_type }
}

/// One name of a directory.
struct Dirent<'a> {
    name: &'a [u8],
    /// Its inode's number.
    target: u32,
    file_type: u8,
}

/// A directory's names, `.` and `..` among them, in the order of their bytes, which is how the kernel
/// searches.
fn list<'a>(
    tree: &Tree,
    numbers: &[u32],
    number: usize,
    parent: u32,
    inode: &'a Inode,
    names: &mut Vec<Dirent<'a>>,
) {
    let dot = |name, target| Dirent { name, target, file_type: type_of(DIRECTORY).file_type };
    let mut dots = [dot(b".", number as u32), dot(b"..", parent)].into_iter().peekable();
    names.clear();
    for (name, child) in &inode.children {
        while let Some(dot) = dots.next_if(|dot| dot.name < &name[..]) {
            names.push(dot);
        }
        let kind = tree.inodes[child.inode as usize].kind;
        names.push(Dirent {
            name,
            target: numbers[child.inode as usize],
            file_type: type_of(kind).file_type,
        });
    }
    names.extend(dots);
}

/// How large a directory is.
struct Directory {
    total: usize,
}

impl Directory {
    fn new() -> Self {
        Self { total: 2 * DIRENT_BYTES + "...".len() }
    }

    fn add(&mut self, name_bytes: usize) {
        self.total += DIRENT_BYTES + name_bytes;
    }

    /// In one block.
    fn is_small(&self) -> bool {
        self.total <= BLOCK as usize
    }
}

/// The names of a directory, block by block.
fn blocks_of<'d, 'a>(names: &'d [Dirent<'a>]) -> impl Iterator<Item = &'d [Dirent<'a>]> {
    let mut rest = names;
    std::iter::from_fn(move || {
        let mut used = 0;
        let fitting = rest.iter().take_while(|entry| {
            used += DIRENT_BYTES + entry.name.len();
            used <= BLOCK as usize
        });
        let (block, after) = rest.split_at(fitting.count());
        rest = after;
        (!block.is_empty()).then_some(block)
    })
}

/// Each block but the last has a rest that is too small for the next name, so the order matters.
fn large_directory_bytes(names: &[Dirent]) -> u64 {
    let (mut blocks, mut last) = (0, 0);
    for block in blocks_of(names) {
        blocks += 1;
        last = block.iter().map(|entry| DIRENT_BYTES + entry.name.len()).sum();
    }
    (blocks - 1) * BLOCK + last as u64
}

/// The attributes that can be stored: each name once, as prefix number, rest of the name and value.
fn storable(inode: &Inode) -> Vec<(u8, &[u8], &[u8])> {
    let mut seen = HashSet::new();
    let mut stored = Vec::new();
    for (name, value) in xattrs(inode.xattrs()) {
        if !seen.insert(name) {
            continue;
        }
        for (prefix, index, whole) in XATTR_PREFIXES {
            let Some(rest) = name.strip_prefix(prefix) else { continue };
            if whole == rest.is_empty() {
                stored.push((index, rest, value));
            }
        }
    }
    stored
}

fn xattr_bytes(inode: &Inode) -> Result<u64, Fault> {
    if inode.xattrs().is_empty() {
        return Ok(0);
    }
    let mut bytes = 0;
    for (_, name, value) in storable(inode) {
        if name.len() > u8::MAX.into() || value.len() > u16::MAX.into() {
            return Err(Fault::Damaged("an attribute that is too long"));
        }
        bytes += round_up((4 + name.len() + value.len()) as u64, 4);
    }
    if bytes > MAXIMUM_XATTR_BYTES {
        return Err(Fault::Damaged("attributes that are too long"));
    }
    Ok(if bytes == 0 { 0 } else { XATTR_HEADER_BYTES + bytes })
}

/// Behind the header, whose name filter and count of shared attributes stay 0.
fn write_xattrs(inode: &Inode, image: &mut [u8]) {
    let mut at = 0;
    for (index, name, value) in storable(inode) {
        image[at] = name.len() as u8;
        image[at + 1] = index;
        put16(image, at + 2, value.len() as u16);
        image[at + 4..at + 4 + name.len()].copy_from_slice(name);
        image[at + 4 + name.len()..at + 4 + name.len() + value.len()].copy_from_slice(value);
        at += round_up((4 + name.len() + value.len()) as u64, 4) as usize;
    }
}

fn round_up(value: u64, multiple: u64) -> u64 {
    value.div_ceil(multiple) * multiple
}

fn put16(image: &mut [u8], at: usize, value: u16) {
    image[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

fn put32(image: &mut [u8], at: usize, value: u32) {
    image[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// CRC-32C (Castagnoli) as EROFS has it: begins with all ones and is not inverted at the end.
fn crc32c(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 },
        )
    })
}

/// The contents of small files with several names, from the layers' data.
struct Contents<'a> {
    paths: &'a [&'a Path],
    files: Vec<Option<File>>,
}

impl Contents<'_> {
    fn read(&mut self, inode: &Inode, into: &mut [u8]) -> Result<(), Fault> {
        let layer = inode.layer as usize;
        let file = match &mut self.files[layer] {
            Some(file) => file,
            none => none.insert(File::open(self.paths[layer])?),
        };
        file.read_exact_at(into, inode.place).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Damaged("a layer's data is cut"),
            _ => error.into(),
        })
    }
}

const WINDOW_BYTES: usize = 256 * 1024;

/// A file that is written from its beginning to its end, with zeros in between. Only a window of it is in
/// memory, and its first block, which is written last: the superblock has a checksum over it.
struct BlockFile {
    file: File,
    window: Vec<u8>,
    /// Offset of the window; a multiple of the block size.
    base: u64,
    first: [u8; BLOCK as usize],
}

impl BlockFile {
    fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self { file, window: vec![0; WINDOW_BYTES], base: 0, first: [0; BLOCK as usize] })
    }

    /// Room for `length` bytes of zeros at `offset`, which is never below an earlier one's end; at most half
    /// a window.
    fn at(&mut self, offset: u64, length: usize) -> io::Result<&mut [u8]> {
        if offset + length as u64 > self.base + WINDOW_BYTES as u64 {
            self.advance(offset - offset % BLOCK)?;
        }
        let start = (offset - self.base) as usize;
        Ok(&mut self.window[start..start + length])
    }

    fn finish(mut self, length: u64, superblock: &[u8]) -> io::Result<()> {
        self.flush(((length - self.base) as usize).min(WINDOW_BYTES))?;
        let start = SUPER_OFFSET as usize;
        self.first[start..start + superblock.len()].copy_from_slice(superblock);
        let checksum = crc32c(&self.first[start..]);
        put32(&mut self.first, start + 4, checksum);
        self.file.write_all_at(&self.first, 0)?;
        self.file.set_len(length)
    }

    fn advance(&mut self, base: u64) -> io::Result<()> {
        // The window's last block may be only half full: it goes on in the next one.
        let kept = ((base - self.base) as usize).min(WINDOW_BYTES);
        self.flush(kept)?;
        self.window.copy_within(kept.., 0);
        self.window[WINDOW_BYTES - kept..].fill(0);
        self.base = base;
        Ok(())
    }

    fn flush(&mut self, length: usize) -> io::Result<()> {
        if self.base == 0 {
            self.first.copy_from_slice(&self.window[..BLOCK as usize]);
        }
        self.file.write_all_at(&self.window[..length], self.base)
    }
}
