//! Nothing of our own: the crate's C API, exported from one shared library (`libkrun.so.1`).
//!
//! Built without `init-blob`: the guest's init is Mocker's agent, which mocker-vmm puts at `/init.krun` of
//! the boot share, so that a new agent needs no new libkrun.

pub use krun::*;
