//! Reads the blob of an image layer as its tar: gzip by zlib-rs, zstd by the reference library, or neither,
//! with the digests of both sides.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::slice;

use sha2::{Digest, Sha256, Sha512};
use zlib_rs::{Inflate, InflateError, InflateFlush, Status};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

const OK: i32 = 0;
const DAMAGED: i32 = -1;
const WINDOW_TOO_LARGE: i32 = -2;
const NO_MEMORY: i32 = -3;
const INTERNAL: i32 = -4;
const UNREADABLE: i32 = -5;

/// `ZSTD_error_frameParameter_windowTooLarge` and `ZSTD_error_memory_allocation` of zstd_errors.h, as zstd
/// returns them.
const ZSTD_WINDOW_TOO_LARGE: usize = 16usize.wrapping_neg();
const ZSTD_NO_MEMORY: usize = 64usize.wrapping_neg();

const INPUT_BYTES: usize = 256 * 1024;
/// How much one call reads at most, so that the caller can stop also for data that nothing comes of.
const CALL_BYTES: u64 = 16 << 20;
/// What is decoded is hashed while it is still in the processor's cache.
const SLICE_BYTES: usize = 128 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Format {
    Unknown = 0,
    Plain = 1,
    Gzip = 2,
    Zstd = 3,
}

enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn new(bits: u32) -> Option<Self> {
        match bits {
            256 => Some(Self::Sha256(Sha256::new())),
            512 => Some(Self::Sha512(Sha512::new())),
            _ => None,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    /// Into the beginning of `out`; the hasher begins anew.
    fn finish(&mut self, out: &mut [u8; 64]) {
        match self {
            Self::Sha256(hash) => out[..32].copy_from_slice(&hash.finalize_reset()),
            Self::Sha512(hash) => out.copy_from_slice(&hash.finalize_reset()),
        }
    }
}

pub struct MockerBlob {
    blob_hash: Hasher,
    tar_hash: Hasher,
    window_log: u32,
    format: Format,
    /// None between gzip members: zlib-rs cannot reset a gzip decoder.
    inflate: Option<Inflate>,
    zstd: Option<DCtx<'static>>,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// Offset in the file of the next byte to read.
    position: u64,
    /// Between two gzip members or zstd frames.
    between: bool,
    /// There may be output that needs no further input.
    pending: bool,
    /// The gzip data is over and something else follows, or the data was refused: the rest is only hashed.
    ignoring: bool,
}

#[repr(C)]
pub struct MockerStep {
    produced: usize,
    position: u64,
    status: i32,
}

impl MockerBlob {
    fn new(blob_bits: u32, tar_bits: u32, window_log: u32) -> Option<Self> {
        Some(Self {
            blob_hash: Hasher::new(blob_bits)?,
            tar_hash: Hasher::new(tar_bits)?,
            window_log,
            format: Format::Unknown,
            inflate: None,
            zstd: None,
            input: vec![0; INPUT_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            position: 0,
            between: true,
            pending: false,
            ignoring: false,
        })
    }

    /// Fills `output` as far as the file's first `available` bytes allow and one call may go; `last`: there
    /// will be no more. With an empty `output` all that follows is only hashed.
    fn read(&mut self, file: &File, available: u64, last: bool, output: &mut [u8]) -> (usize, i32) {
        self.ignoring |= output.is_empty();
        let mut produced = 0;
        let stop = self.position + CALL_BYTES;
        loop {
            if self.ignoring {
                self.start = self.end;
            } else if let Err(status) = self.decode(last && self.position >= available, output, &mut produced)
            {
                self.ignoring = true;
                return (produced, status);
            }
            let full = produced == output.len() && !self.ignoring;
            if full || self.position >= available.min(stop) {
                return (produced, OK);
            }
            if let Err(status) = self.refill(file, available) {
                return (produced, status);
            }
        }
    }

    /// Appends to the input; what is left of it is a crumb, because the decoders take all that they are
    /// given.
    fn refill(&mut self, file: &File, available: u64) -> Result<(), i32> {
        self.input.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let room = (self.input.len() - self.end) as u64;
        let wanted = room.min(available - self.position) as usize;
        let target = &mut self.input[self.end..self.end + wanted];
        match file.read_at(target, self.position) {
            Ok(0) | Err(_) => Err(UNREADABLE),
            Ok(read) => {
                self.blob_hash.update(&target[..read]);
                self.end += read;
                self.position += read as u64;
                Ok(())
            }
        }
    }

    /// Until the output is full or more input is needed.
    fn decode(&mut self, last: bool, output: &mut [u8], produced: &mut usize) -> Result<(), i32> {
        while *produced < output.len() && (self.start < self.end || self.pending) {
            let left = self.end - self.start;
            match self.format {
                Format::Unknown => {
                    // A download may begin with a crumb. Nothing that is so short is compressed.
                    if left < 4 && !last {
                        return Ok(());
                    }
                    self.format = format_of(&self.input[self.start..self.end]);
                    continue;
                }
                Format::Gzip if self.between => {
                    // Another member or, as for gzip(1) and Docker, garbage that is no part of the layer.
                    if left < 2 && !last {
                        return Ok(());
                    }
                    if left < 2 || self.input[self.start..self.start + 2] != [0x1f, 0x8b] {
                        self.ignoring = true;
                        self.start = self.end;
                        return Ok(());
                    }
                }
                _ => {}
            }
            let slice_end = output.len().min(*produced + SLICE_BYTES);
            let (consumed, written) = self.step(&mut output[*produced..slice_end])?;
            self.tar_hash.update(&output[*produced..*produced + written]);
            self.start += consumed;
            self.pending = !self.between && written == slice_end - *produced;
            *produced += written;
            if consumed == 0 && written == 0 && self.start < self.end {
                return Err(DAMAGED);
            }
        }
        Ok(())
    }

    fn step(&mut self, output: &mut [u8]) -> Result<(usize, usize), i32> {
        let input = &self.input[self.start..self.end];
        match self.format {
            Format::Gzip => {
                // 15 bits of window, and 16 for the gzip header and trailer, which are checked.
                let inflate = self.inflate.get_or_insert_with(|| Inflate::new(true, 15 + 16));
                let (read, written) = (inflate.total_in(), inflate.total_out());
                let result = inflate.decompress(input, output, InflateFlush::NoFlush);
                let done = ((inflate.total_in() - read) as usize, (inflate.total_out() - written) as usize);
                match result {
                    Ok(Status::Ok | Status::BufError) => self.between = false,
                    Ok(Status::StreamEnd) => {
                        self.between = true;
                        self.inflate = None;
                    }
                    Err(InflateError::MemError) => return Err(NO_MEMORY),
                    Err(_) => return Err(DAMAGED),
                }
                Ok(done)
            }
            Format::Zstd => {
                if self.zstd.is_none() {
                    let mut context = DCtx::try_create().ok_or(NO_MEMORY)?;
                    context.set_parameter(DParameter::WindowLogMax(self.window_log)).map_err(|_| INTERNAL)?;
                    self.zstd = Some(context);
                }
                let context = self.zstd.as_mut().ok_or(INTERNAL)?;
                let mut from = InBuffer::around(input);
                let mut to = OutBuffer::around(output);
                match context.decompress_stream(&mut to, &mut from) {
                    Ok(hint) => self.between = hint == 0,
                    Err(ZSTD_WINDOW_TOO_LARGE) => return Err(WINDOW_TOO_LARGE),
                    Err(ZSTD_NO_MEMORY) => return Err(NO_MEMORY),
                    Err(_) => return Err(DAMAGED),
                }
                Ok((from.pos(), to.pos()))
            }
            Format::Plain | Format::Unknown => {
                let length = input.len().min(output.len());
                output[..length].copy_from_slice(&input[..length]);
                Ok((length, length))
            }
        }
    }
}

/// By the magic numbers, because media types lie.
fn format_of(bytes: &[u8]) -> Format {
    match bytes {
        [0x1f, 0x8b, _, _, ..] => Format::Gzip,
        // A frame, or a skippable one before it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Format::Zstd,
        _ => Format::Plain,
    }
}

/// Null for an unknown algorithm.
#[no_mangle]
pub extern "C" fn mocker_blob_new(blob_bits: u32, tar_bits: u32, window_log: u32) -> *mut MockerBlob {
    catch_unwind(|| MockerBlob::new(blob_bits, tar_bits, window_log))
        .ok()
        .flatten()
        .map_or(std::ptr::null_mut(), |blob| Box::into_raw(Box::new(blob)))
}

/// # Safety `blob` is of [`mocker_blob_new`] and used by one thread at a time; `fd` is an open file; `output`
/// has the given length and is initialized.
#[no_mangle]
pub unsafe extern "C" fn mocker_blob_read(
    blob: *mut MockerBlob,
    fd: i32,
    available: u64,
    last: bool,
    output: *mut u8,
    output_bytes: usize,
) -> MockerStep {
    // An empty buffer may come as null, which no slice may be.
    let output = if output_bytes == 0 { &mut [] } else { slice::from_raw_parts_mut(output, output_bytes) };
    let blob = &mut *blob;
    // The descriptor is the caller's to close.
    let file = ManuallyDrop::new(File::from_raw_fd(fd));
    let (produced, status) =
        catch_unwind(AssertUnwindSafe(|| blob.read(&file, available, last, output))).unwrap_or((0, INTERNAL));
    MockerStep { produced, position: blob.position, status }
}

/// Writes the digests of what was read, 64 bytes for each; a shorter one fills their beginning. Returns 1 if
/// the data is complete, 0 if it ends in the middle.
///
/// # Safety
/// `blob` is of [`mocker_blob_new`]; the digests have room for 64 bytes.
#[no_mangle]
pub unsafe extern "C" fn mocker_blob_finish(
    blob: *mut MockerBlob,
    blob_digest: *mut [u8; 64],
    tar_digest: *mut [u8; 64],
) -> i32 {
    let blob = &mut *blob;
    blob.blob_hash.finish(&mut *blob_digest);
    blob.tar_hash.finish(&mut *tar_digest);
    i32::from(blob.between || blob.ignoring || !matches!(blob.format, Format::Gzip | Format::Zstd))
}

/// The format: 0 unknown, 1 plain, 2 gzip, 3 zstd.
///
/// # Safety
/// `blob` is of [`mocker_blob_new`].
#[no_mangle]
pub unsafe extern "C" fn mocker_blob_format(blob: *const MockerBlob) -> u32 {
    (*blob).format as u32
}

/// # Safety
/// `blob` is null or of [`mocker_blob_new`], and not used again.
#[no_mangle]
pub unsafe extern "C" fn mocker_blob_free(blob: *mut MockerBlob) {
    if !blob.is_null() {
        drop(Box::from_raw(blob));
    }
}
