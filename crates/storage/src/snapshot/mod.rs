//! Snapshot files: the whole tree at (about) one moment.

mod chunks;
mod compression;
mod reader;
mod seal;
mod snappy;
mod writer;

pub use compression::Compression;
pub use reader::SnapshotReader;
pub(crate) use reader::verify;
pub use writer::SnapshotWriter;
