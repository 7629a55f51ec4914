//! Transaction log and snapshots: what survives when the process does not.
//!
//! The formats are ZooKeeper's own (`docs/file-formats.md`), so that a data directory can be carried
//! to the reference server and back. Everything goes through the [`Disk`] trait, which tests break.
//!
//! * [`DataDirs`] finds, creates and locks the directories.
//! * [`TxnLog`] appends entries and makes them durable in groups.
//! * [`SnapshotWriter`] streams a snapshot into its file; the tree's contents are not its business.
//! * [`recover`] brings back the newest state: snapshot, then log.
//! * [`purge()`] removes what no kept snapshot needs; [`truncate`] takes back what a leader never saw.
//!
//! This crate knows neither the tree nor the protocol: entries are bytes with a zxid in them,
//! snapshots are chunks on the way out and a [`proto::snapshot::SnapshotSink`] on the way in.

mod dirs;
pub mod disk;
mod error;
mod purge;
mod recovery;
pub mod snapshot;
pub mod txnlog;

pub use dirs::DataDirs;
pub use disk::{Disk, RealDisk, SharedDisk};
pub use error::StorageError;
pub use purge::purge;
pub use recovery::{RecoverOptions, Recovered, Recovery, TornTail, recover};
pub use snapshot::{Compression, SnapshotReader, SnapshotWriter};
pub use txnlog::{LogOptions, SyncStats, TxnLog, TxnLogReader, truncate};
