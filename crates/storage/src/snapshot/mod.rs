//! Snapshot files: the whole tree at (about) one moment.

mod reader;
mod writer;

pub use reader::SnapshotReader;
pub use writer::SnapshotWriter;

/// How a snapshot file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// As it is.
    #[default]
    None,
    /// One gzip stream, name ending in `.gz`.
    Gzip,
    /// Snappy blocks in the framing Java's library uses, name ending in `.snappy`.
    Snappy,
}
