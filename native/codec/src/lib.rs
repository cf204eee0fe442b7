//! The heavy work on image layers: reading their blobs, and merging them into a file system. `codec.h`
//! declares what is exported. All input is hostile or may be damaged; all that is unsafe here is the
//! borrowing of what the caller passes.

mod blob;
mod erofs;
mod index;
mod listing;
mod root;
mod tree;
