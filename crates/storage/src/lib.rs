//! Transaction log and snapshots: what survives when the process does not.
//!
//! The formats are ZooKeeper's own (`docs/file-formats.md`), so that a data directory can be carried
//! to the reference server and back. Everything goes through the [`Disk`] trait, which tests break.
//!
//! * [`DataDirs`] finds, creates and locks the directories.
//! * [`TxnLog`] appends entries and makes them durable in groups.
//! * [`SnapshotWriter`] streams a snapshot into its file; the tree's contents are not its business.
//! * [`recover`] brings back the newest state: snapshot, then log.
//! * [`purge()`] removes what no kept snapshot needs.
//! * For members of an ensemble: [`truncate`] takes back what no leader has, [`install()`] makes a snapshot
//!   from a leader the only truth, [`load_epochs`] and [`store_epoch`] keep promises, [`ConfigFiles`] keeps
//!   the membership, [`read_history`] reads the log for somebody who lags behind.
//!
//! This crate knows neither the tree nor the protocol: entries are bytes with a zxid in them,
//! snapshots are chunks on the way out and a [`proto::snapshot::SnapshotSink`] on the way in.

mod config_files;
mod dirs;
pub mod disk;
mod epochs;
mod error;
mod history;
mod install;
mod purge;
mod recovery;
mod small_file;
pub mod snapshot;
pub mod txnlog;

pub use config_files::ConfigFiles;
pub use dirs::DataDirs;
pub use disk::{Disk, RealDisk, SharedDisk};
pub use epochs::{EpochFile, Epochs, load_epochs, store_epoch};
pub use error::StorageError;
pub use history::{newest_snapshot_bytes, read_history};
pub use install::install;
pub use purge::purge;
pub use recovery::{RecoverOptions, Recovered, Recovery, TornTail, recover};
pub use snapshot::{Compression, SnapshotReader, SnapshotWriter};
pub use txnlog::{LogOptions, SyncStats, TxnLog, TxnLogReader, truncate};
