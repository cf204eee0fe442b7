//! Reads a layer's index, whose format engine/daemon/images/layers/layer-index.ts describes and writes.

pub const WHITEOUT: u8 = 0;
pub const OPAQUE: u8 = 1;
pub const FILE: u8 = 2;
pub const DIRECTORY: u8 = 3;
pub const SYMLINK: u8 = 4;
pub const HARDLINK: u8 = 5;
pub const CHARACTER_DEVICE: u8 = 6;
pub const BLOCK_DEVICE: u8 = 7;
pub const FIFO: u8 = 8;

const MAGIC: &[u8; 8] = b"MKRLAYR1";
const HEADER_BYTES: usize = 64;
pub const ENTRY_BYTES: usize = 48;

pub struct Entry<'a> {
    pub kind: u8,
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub nanoseconds: u32,
    pub seconds: i64,
    pub size: u64,
    /// Of a file: its offset in the layer's data. Of a device: major and minor number, see [`device`].
    pub place: u64,
    pub path: &'a [u8],
    pub link: &'a [u8],
    /// As they are in the index: see [`xattrs`].
    pub xattrs: &'a [u8],
}

/// The number of a device, as an entry's place has it.
pub fn device(place: u64) -> (u32, u32) {
    ((place >> 32) as u32, place as u32)
}

/// An index that is cut, or none.
pub struct Damaged;

pub struct Entries<'a> {
    bytes: &'a [u8],
    at: usize,
    left: u32,
}

impl<'a> Entries<'a> {
    pub fn of(bytes: &'a [u8]) -> Result<Self, Damaged> {
        if bytes.len() < HEADER_BYTES || &bytes[..8] != MAGIC {
            return Err(Damaged);
        }
        Ok(Self { bytes, at: HEADER_BYTES, left: u32_at(bytes, 24) })
    }

    fn read(&mut self) -> Option<Entry<'a>> {
        let fixed = self.bytes.get(self.at..)?.get(..ENTRY_BYTES)?;
        let kind = fixed[0];
        let is_device = kind == CHARACTER_DEVICE || kind == BLOCK_DEVICE;
        let place = if is_device {
            u64::from(u32_at(fixed, 32)) << 32 | u64::from(u32_at(fixed, 36))
        } else {
            f64_at(fixed, 32) as u64
        };
        let rest = &self.bytes[self.at + ENTRY_BYTES..];
        let (path, rest) = split(rest, u16_at(fixed, 40).into())?;
        let (link, rest) = split(rest, u16_at(fixed, 42).into())?;
        let (xattrs, _) = split(rest, u32_at(fixed, 44) as usize)?;
        self.at += ENTRY_BYTES + path.len() + link.len() + xattrs.len();
        Some(Entry {
            kind,
            mode: u16_at(fixed, 2),
            uid: u32_at(fixed, 4),
            gid: u32_at(fixed, 8),
            nanoseconds: u32_at(fixed, 12),
            seconds: f64_at(fixed, 16) as i64,
            size: f64_at(fixed, 24) as u64,
            place,
            path,
            link,
            xattrs,
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(self.read().ok_or(Damaged))
    }
}

/// Names and values; ends early where the bytes make no sense.
pub fn xattrs(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = split(bytes, 6)?;
        let (name, rest) = split(rest, u16_at(head, 0).into())?;
        let (value, rest) = split(rest, u32_at(head, 2) as usize)?;
        bytes = rest;
        Some((name, value))
    })
}

fn split(bytes: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    (at <= bytes.len()).then(|| bytes.split_at(at))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn f64_at(bytes: &[u8], at: usize) -> f64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    f64::from_le_bytes(eight)
}
