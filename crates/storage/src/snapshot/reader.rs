//! Reading a snapshot file into a sink.

/// One snapshot file.
#[derive(Debug)]
pub struct SnapshotReader {}
