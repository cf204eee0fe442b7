//! A merged tree as bytes, for who wants to walk through it. One record for each name, that of a directory
//! before those in it, the root's first, in little endian:
//!
//! - 16 bytes: u32 record of the directory that it is in, u32 layer whose data has the contents, u32 names
//!   that the inode has, u32 record of the inode's first name
//! - an entry as in a layer's index, whose path is the name; a further name of a file is a hard link without
//!   attributes

use crate::index::{device, BLOCK_DEVICE, CHARACTER_DEVICE, ENTRY_BYTES, HARDLINK, SYMLINK};
use crate::tree::{Id, Inode, Tree, ROOT};

pub fn list(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    // By ID: the record of the first name.
    let mut records = vec![u32::MAX; tree.inodes.len()];
    let mut pending: Vec<Id> = vec![ROOT];
    let mut count = 0;
    let mut add = |name: &[u8], id: Id, directory: u32| {
        let inode = &tree.inodes[id as usize];
        let is_first = records[id as usize] == u32::MAX;
        if is_first {
            records[id as usize] = count;
        }
        count += 1;
        let first = records[id as usize];
        for number in [directory, inode.layer, inode.links, first] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        entry(&mut bytes, name, inode, is_first);
        first
    };
    add(b"", ROOT, 0);
    // Each directory is pending once, so its record is known when its turn comes.
    let mut directories = vec![0];
    while let (Some(id), Some(record)) = (pending.pop(), directories.pop()) {
        for (name, child) in &tree.inodes[id as usize].children {
            let first = add(name, child.inode, record);
            if tree.inodes[child.inode as usize].is_directory() {
                pending.push(child.inode);
                directories.push(first);
            }
        }
    }
    bytes
}

fn entry(bytes: &mut Vec<u8>, name: &[u8], inode: &Inode, is_first: bool) {
    let mut fixed = [0; ENTRY_BYTES];
    let (link, xattrs) = if is_first { (inode.link(), inode.xattrs()) } else { (&[][..], &[][..]) };
    fixed[0] = if is_first { inode.kind } else { HARDLINK };
    fixed[2..4].copy_from_slice(&inode.mode.to_le_bytes());
    fixed[4..8].copy_from_slice(&inode.uid.to_le_bytes());
    fixed[8..12].copy_from_slice(&inode.gid.to_le_bytes());
    fixed[12..16].copy_from_slice(&inode.nanoseconds.to_le_bytes());
    fixed[16..24].copy_from_slice(&(inode.seconds as f64).to_le_bytes());
    fixed[24..32].copy_from_slice(&(inode.size as f64).to_le_bytes());
    if matches!(inode.kind, CHARACTER_DEVICE | BLOCK_DEVICE) {
        let (major, minor) = device(inode.place);
        fixed[32..36].copy_from_slice(&major.to_le_bytes());
        fixed[36..40].copy_from_slice(&minor.to_le_bytes());
    } else if inode.kind != SYMLINK {
        fixed[32..40].copy_from_slice(&(inode.place as f64).to_le_bytes());
    }
    fixed[40..42].copy_from_slice(&(name.len() as u16).to_le_bytes());
    fixed[42..44].copy_from_slice(&(link.len() as u16).to_le_bytes());
    fixed[44..48].copy_from_slice(&(xattrs.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&fixed);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(link);
    bytes.extend_from_slice(xattrs);
}
