//! The merge of an image's layers: applies their entries to one another, bottom first, as unpacking them into
//! one directory would do (image-spec layer.md, "Applying Changesets"). Nothing outside of the tree can be
//! reached: symbolic links in the middle of a path are followed inside of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::mem;

use crate::index::{Damaged, Entries, Entry, DIRECTORY, FILE, HARDLINK, OPAQUE, SYMLINK, WHITEOUT};

/// What Linux follows before it says ELOOP.
const MAXIMUM_SYMLINKS: usize = 40;
const MAXIMUM_NAME_BYTES: usize = 255;
/// Some 1 GiB of memory for all inodes of an image, and as much for their names, links and attributes. Those
/// that are replaced or hidden count too.
const MAXIMUM_INODES: usize = 8 << 20;
const MAXIMUM_NAMES: usize = MAXIMUM_INODES;
const MAXIMUM_TEXT_BYTES: usize = 1 << 30;
/// Seconds of work, and several times what the largest images need: entries may be many, their paths deep,
/// and lead from link to link, and the product of those has no other bound.
const MAXIMUM_STEPS: usize = 1 << 29;
/// What is copied in the time of a step.
const STEP_BYTES: usize = 64;

pub enum Fault {
    /// The image makes no sense. Text of it is as it is there: no valid UTF-8, perhaps.
    Invalid(Vec<u8>),
    /// What we wrote ourselves is not what it was.
    Damaged(&'static str),
    Io(io::Error),
}

impl From<Damaged> for Fault {
    fn from(_: Damaged) -> Self {
        Self::Damaged("the layer index is cut or damaged")
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Number of an inode in [`Tree::inodes`].
pub type Id = u32;

pub const ROOT: Id = 0;

/// A name in a directory.
#[derive(Clone, Copy)]
pub struct Name {
    pub inode: Id,
    /// The layer that made or last changed this name or, for a directory, anything in it: a whiteout hides
    /// only what is from layers below its own.
    layer: u32,
}

/// A file, directory, link or device, apart from its names.
pub struct Inode {
    /// Never a whiteout, an opaque mark or a hard link.
    pub kind: u8,
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub nanoseconds: u32,
    pub seconds: i64,
    pub size: u64,
    /// See [`Entry::place`].
    pub place: u64,
    /// The layer whose data has the contents.
    pub layer: u32,
    /// Names of what is no directory.
    pub links: u32,
    /// Of a directory: nothing in it is from layers below this one.
    swept: u32,
    text: Option<Box<Text>>,
    /// Of a directory, sorted as EROFS wants them.
    pub children: BTreeMap<Box<[u8]>, Name>,
}

/// What few inodes have.
struct Text {
    link: Box<[u8]>,
    xattrs: Box<[u8]>,
}

impl Inode {
    fn new(kind: u8, layer: u32) -> Self {
        Self {
            kind,
            // Of a directory that no layer has an entry for, only for things in it.
            mode: 0o755,
            uid: 0,
            gid: 0,
            nanoseconds: 0,
            seconds: 0,
            size: 0,
            place: 0,
            layer,
            links: 1,
            swept: 0,
            text: None,
            children: BTreeMap::new(),
        }
    }

    /// Takes the attributes of an entry over.
    fn take(&mut self, entry: &Entry) {
        // Linux has no modes for symlinks; all show this one.
        self.mode = if self.kind == SYMLINK { 0o777 } else { entry.mode & 0o7777 };
        self.uid = entry.uid;
        self.gid = entry.gid;
        self.nanoseconds = entry.nanoseconds;
        self.seconds = entry.seconds;
        self.size = if self.kind == SYMLINK { entry.link.len() as u64 } else { entry.size };
        self.place = entry.place;
        self.text = (!entry.link.is_empty() || !entry.xattrs.is_empty())
            .then(|| Box::new(Text { link: entry.link.into(), xattrs: entry.xattrs.into() }));
    }

    pub fn is_directory(&self) -> bool {
        self.kind == DIRECTORY
    }

    pub fn link(&self) -> &[u8] {
        self.text.as_ref().map_or(&[], |text| &text.link)
    }

    /// See [`crate::index::xattrs`].
    pub fn xattrs(&self) -> &[u8] {
        self.text.as_ref().map_or(&[], |text| &text.xattrs)
    }
}

pub struct Tree {
    pub inodes: Vec<Inode>,
    pub layers: u32,
    text_bytes: usize,
    names: usize,
    steps: usize,
    /// Entries come directory by directory, so that the last one's parent is mostly the next one's too.
    last_parent: Option<(Vec<u8>, Id)>,
}

impl Tree {
    pub fn new() -> Self {
        Self {
            inodes: vec![Inode::new(DIRECTORY, 0)],
            layers: 0,
            text_bytes: 0,
            names: 0,
            steps: 0,
            last_parent: None,
        }
    }

    /// Applies the next layer. After a fault the tree is good for nothing.
    pub fn apply(&mut self, index: &[u8]) -> Result<(), Fault> {
        let layer = self.layers;
        self.layers += 1;
        self.last_parent = None;
        for entry in Entries::of(index)? {
            self.apply_entry(&entry?, layer)?;
        }
        Ok(())
    }

    fn apply_entry(&mut self, entry: &Entry, layer: u32) -> Result<(), Fault> {
        self.spend(1)?;
        let (parent_path, base) = split_path(entry.path);
        match entry.kind {
            WHITEOUT => return self.whiteout(parent_path, base, layer),
            OPAQUE => {
                if let Some(directory) = self.walk(entry.path, None, b"")? {
                    self.hide_children(directory, layer)?;
                }
                self.last_parent = None;
                return Ok(());
            }
            FILE.. if entry.kind <= crate::index::FIFO => {}
            _ => return Err(Damaged.into()),
        }
        if entry.path.is_empty() && entry.kind == DIRECTORY {
            return self.take(ROOT, entry);
        }
        if base.len() > MAXIMUM_NAME_BYTES || matches!(base, b"" | b"." | b"..") || base.contains(&0) {
            return Err(Damaged.into());
        }
        let parent = self.parent(parent_path, entry.path, layer)?;
        let existing = self.child(parent, base);

        if entry.kind == HARDLINK {
            let target = self.hard_link_target(entry, parent, base)?;
            self.inodes[target as usize].links += 1;
            if let Some(existing) = existing {
                self.inodes[parent as usize].children.remove(base);
                self.release(existing);
                // With a directory or link of that name the target may be gone: nobody unpacks that.
                self.hard_link_target(entry, parent, base)?;
            }
            return self.insert(parent, base, Name { inode: target, layer });
        }
        if let Some(existing) = existing {
            if entry.kind == DIRECTORY && self.inodes[existing as usize].is_directory() {
                self.take(existing, entry)?;
                return self.insert(parent, base, Name { inode: existing, layer });
            }
            self.release(existing);
        }
        let inode = self.add(entry.kind, layer)?;
        self.take(inode, entry)?;
        self.insert(parent, base, Name { inode, layer })
    }

    fn hard_link_target(&mut self, entry: &Entry, parent: Id, base: &[u8]) -> Result<Id, Fault> {
        let (target_path, target_base) = split_path(entry.link);
        let directory = self.walk(target_path, None, entry.link)?;
        let Some((directory, target)) =
            directory.and_then(|directory| Some((directory, self.child(directory, target_base)?)))
        else {
            return Err(invalid(&[
                b"the hard link \"",
                entry.path,
                b"\" points to \"",
                entry.link,
                b"\", which does not exist",
            ]));
        };
        if self.inodes[target as usize].is_directory() {
            return Err(invalid(&[
                b"the hard link \"",
                entry.path,
                b"\" points to the directory \"",
                entry.link,
                b"\"",
            ]));
        }
        if directory == parent && target_base == base {
            return Err(invalid(&[b"the hard link \"", entry.path, b"\" points to itself"]));
        }
        Ok(target)
    }

    fn child(&self, directory: Id, name: &[u8]) -> Option<Id> {
        self.inodes[directory as usize].children.get(name).map(|name| name.inode)
    }

    fn insert(&mut self, directory: Id, base: &[u8], name: Name) -> Result<(), Fault> {
        let children = &mut self.inodes[directory as usize].children;
        if let Some(known) = children.get_mut(base) {
            *known = name;
            return Ok(());
        }
        if self.names >= MAXIMUM_NAMES {
            return Err(too_many_files());
        }
        self.names += 1;
        children.insert(base.into(), name);
        self.hold(base.len())
    }

    /// Gives an inode the attributes of an entry.
    fn take(&mut self, inode: Id, entry: &Entry) -> Result<(), Fault> {
        self.inodes[inode as usize].take(entry);
        self.hold(entry.link.len() + entry.xattrs.len())
    }

    fn add(&mut self, kind: u8, layer: u32) -> Result<Id, Fault> {
        if self.inodes.len() >= MAXIMUM_INODES {
            return Err(too_many_files());
        }
        self.inodes.push(Inode::new(kind, layer));
        Ok((self.inodes.len() - 1) as Id)
    }

    /// Counts what takes time.
    fn spend(&mut self, steps: usize) -> Result<(), Fault> {
        self.steps += steps;
        if self.steps <= MAXIMUM_STEPS {
            return Ok(());
        }
        Err(Fault::Invalid(b"its paths and whiteouts take too many steps to follow".to_vec()))
    }

    /// Counts what stays in memory.
    fn hold(&mut self, bytes: usize) -> Result<(), Fault> {
        self.text_bytes += bytes;
        if self.text_bytes <= MAXIMUM_TEXT_BYTES {
            return Ok(());
        }
        Err(Fault::Invalid(
            format!("its names and attributes are longer than {MAXIMUM_TEXT_BYTES} bytes together")
                .into_bytes(),
        ))
    }

    /// An inode loses a name.
    fn release(&mut self, inode: Id) {
        self.last_parent = None;
        // Counts matter for files only; an explicit stack, because depth is the image's choice.
        let mut stack = vec![inode];
        while let Some(next) = stack.pop() {
            let inode = &mut self.inodes[next as usize];
            if inode.is_directory() {
                stack.extend(mem::take(&mut inode.children).into_values().map(|name| name.inode));
            } else {
                inode.links -= 1;
            }
        }
    }

    fn whiteout(&mut self, parent_path: &[u8], base: &[u8], layer: u32) -> Result<(), Fault> {
        let Some(parent) = self.walk(parent_path, None, b"")? else { return Ok(()) };
        let Some(&name) = self.inodes[parent as usize].children.get(base) else { return Ok(()) };
        if name.layer < layer {
            self.inodes[parent as usize].children.remove(base);
            self.release(name.inode);
        } else {
            // The layer has a new one of the same name: that stays, without what was in the old one.
            self.hide_children(name.inode, layer)?;
        }
        self.last_parent = None;
        Ok(())
    }

    /// Takes out of a directory what layers below have there. What comes into it later is of this layer or
    /// one above, so that each directory is looked through once for a layer, however many marks it has.
    fn hide_children(&mut self, directory: Id, layer: u32) -> Result<(), Fault> {
        let mut stack = vec![directory];
        let mut hidden = Vec::new();
        while let Some(next) = stack.pop() {
            let inode = &mut self.inodes[next as usize];
            if inode.swept >= layer {
                continue;
            }
            inode.swept = layer;
            let names = inode.children.len();
            inode.children.retain(|_, name| {
                let keep = name.layer >= layer;
                if keep { &mut stack } else { &mut hidden }.push(name.inode);
                keep
            });
            for inode in hidden.drain(..) {
                self.release(inode);
            }
            self.spend(names)?;
        }
        Ok(())
    }

    /// The directory for an entry; missing ones are made.
    fn parent(&mut self, path: &[u8], what: &[u8], layer: u32) -> Result<Id, Fault> {
        if let Some((last, inode)) = &self.last_parent {
            if last == path {
                return Ok(*inode);
            }
        }
        let parent = self.walk(path, Some(layer), what)?.ok_or(Damaged)?;
        let mut text = self.last_parent.take().map_or_else(Vec::new, |(text, _)| text);
        text.clear();
        text.extend_from_slice(path);
        self.last_parent = Some((text, parent));
        Ok(parent)
    }

    /// Walks to a directory. With a layer, missing ones are made for it, and what is no directory is a fault.
    fn walk(&mut self, path: &[u8], layer: Option<u32>, what: &[u8]) -> Result<Option<Id>, Fault> {
        let mut text = Cow::Borrowed(path);
        let mut at = 0;
        let mut walked: Vec<Id> = Vec::with_capacity(16);
        let mut symlinks = 0;
        while at < text.len() {
            let end =
                text[at..].iter().position(|&byte| byte == b'/').map_or(text.len(), |length| at + length);
            let part = &text[at..end];
            let here = walked.last().copied().unwrap_or(ROOT);
            at = end + 1;
            self.spend(1)?;
            if part.is_empty() || part == b"." {
                continue;
            }
            if part == b".." {
                // The root's parent is the root, also for a link that tries to leave the image.
                walked.pop();
                continue;
            }
            let Some(next) = self.child(here, part) else {
                let Some(layer) = layer else { return Ok(None) };
                if part.len() > MAXIMUM_NAME_BYTES {
                    let length = part.len().to_string();
                    return Err(invalid(&[
                        b"\"",
                        what,
                        b"\" leads through a name of ",
                        length.as_bytes(),
                        b" bytes",
                    ]));
                }
                if part.contains(&0) {
                    return Err(Damaged.into());
                }
                let made = self.add(DIRECTORY, layer)?;
                self.insert(here, part, Name { inode: made, layer })?;
                walked.push(made);
                continue;
            };
            match self.inodes[next as usize].kind {
                SYMLINK => {
                    symlinks += 1;
                    if symlinks > MAXIMUM_SYMLINKS {
                        return Err(invalid(&[b"\"", what, b"\" leads through too many symbolic links"]));
                    }
                    let target = self.inodes[next as usize].link();
                    if target.first() == Some(&b'/') {
                        walked.clear();
                    }
                    let mut followed = target.to_vec();
                    if end < text.len() {
                        followed.extend_from_slice(&text[end..]);
                    }
                    self.spend(followed.len() / STEP_BYTES)?;
                    text = Cow::Owned(followed);
                    at = 0;
                }
                DIRECTORY => {
                    if let Some(layer) = layer {
                        self.insert(here, part, Name { inode: next, layer })?;
                    }
                    walked.push(next);
                }
                _ if layer.is_none() => return Ok(None),
                _ => {
                    return Err(invalid(&[
                        b"\"",
                        what,
                        b"\" is inside of \"",
                        part,
                        b"\", which is no directory",
                    ]));
                }
            }
        }
        Ok(Some(walked.last().copied().unwrap_or(ROOT)))
    }
}

/// Before and after the last slash.
fn split_path(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

fn too_many_files() -> Fault {
    Fault::Invalid(format!("it has more than {MAXIMUM_INODES} files").into_bytes())
}

fn invalid(parts: &[&[u8]]) -> Fault {
    Fault::Invalid(parts.concat())
}
