//! The C interface of the merge.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::slice;

use crate::erofs;
use crate::listing;
use crate::tree::{Fault, Tree};

const OK: i32 = 0;
const INVALID: i32 = -1;
const DAMAGED: i32 = -2;
const IO: i32 = -3;
const INTERNAL: i32 = -4;

pub struct MockerRoot {
    tree: Tree,
    /// What the last call said: the words of a fault, or a listing.
    answer: Vec<u8>,
    extents: Vec<u64>,
}

#[repr(C)]
pub struct MockerBytes {
    data: *const u8,
    length: usize,
}

#[repr(C)]
pub struct MockerRootResult {
    status: i32,
    /// Of an [`IO`] fault; 0 if it has none.
    error: i32,
    answer: MockerBytes,
    metadata_bytes: u64,
    inodes: u64,
    /// `layers` numbers: how much of each layer's data is referred to.
    extents: *const u64,
    layers: usize,
}

impl MockerRoot {
    /// Runs a step and says what came of it.
    fn step(&mut self, body: impl FnOnce(&mut Self) -> Result<(u64, u64), Fault>) -> MockerRootResult {
        self.answer.clear();
        let done = catch_unwind(AssertUnwindSafe(|| body(self)));
        let mut error = 0;
        let mut sizes = (0, 0);
        let status = match done {
            Ok(Ok(result)) => {
                sizes = result;
                OK
            }
            Ok(Err(fault)) => {
                let (status, words) = match fault {
                    Fault::Invalid(words) => (INVALID, words),
                    Fault::Damaged(words) => (DAMAGED, words.as_bytes().to_vec()),
                    Fault::Io(fault) => {
                        error = fault.raw_os_error().unwrap_or(0);
                        (IO, fault.to_string().into_bytes())
                    }
                };
                self.answer = words;
                status
            }
            Err(_) => INTERNAL,
        };
        MockerRootResult {
            status,
            error,
            answer: MockerBytes { data: self.answer.as_ptr(), length: self.answer.len() },
            metadata_bytes: sizes.0,
            inodes: sizes.1,
            extents: self.extents.as_ptr(),
            layers: self.extents.len(),
        }
    }
}

#[no_mangle]
pub extern "C" fn mocker_root_new() -> *mut MockerRoot {
    Box::into_raw(Box::new(MockerRoot { tree: Tree::new(), answer: Vec::new(), extents: Vec::new() }))
}

/// # Safety
/// `root` is of [`mocker_root_new`] and used by one thread at a time; the bytes are readable.
#[no_mangle]
pub unsafe extern "C" fn mocker_root_apply(
    root: *mut MockerRoot,
    index_path: MockerBytes,
) -> MockerRootResult {
    let path = path_of(&index_path);
    (*root).step(|root| {
        root.tree.apply(&fs::read(path)?)?;
        Ok((0, 0))
    })
}

/// # Safety
/// As for [`mocker_root_apply`]; `uuid` has 16 bytes, `data_paths` has `layers` elements.
#[no_mangle]
pub unsafe extern "C" fn mocker_root_write(
    root: *mut MockerRoot,
    metadata_path: MockerBytes,
    uuid: *const [u8; 16],
    data_paths: *const MockerBytes,
    layers: usize,
) -> MockerRootResult {
    let metadata = path_of(&metadata_path);
    // No slice may begin at null.
    let paths = if layers == 0 { &[] } else { slice::from_raw_parts(data_paths, layers) };
    let paths: Vec<&Path> = paths.iter().map(|path| path_of(path)).collect();
    let uuid = *uuid;
    (*root).step(|root| {
        let written = erofs::write(&root.tree, metadata, uuid, &paths)?;
        root.extents = written.extents;
        Ok((written.metadata_bytes, written.inodes))
    })
}

/// # Safety
/// As for [`mocker_root_apply`].
#[no_mangle]
pub unsafe extern "C" fn mocker_root_list(root: *mut MockerRoot) -> MockerRootResult {
    (*root).step(|root| {
        root.answer = listing::list(&root.tree);
        Ok((0, 0))
    })
}

/// # Safety
/// `root` is null or of [`mocker_root_new`], and not used again.
#[no_mangle]
pub unsafe extern "C" fn mocker_root_free(root: *mut MockerRoot) {
    if !root.is_null() {
        drop(Box::from_raw(root));
    }
}

unsafe fn path_of(bytes: &MockerBytes) -> &Path {
    Path::new(OsStr::from_bytes(slice::from_raw_parts(bytes.data, bytes.length)))
}
