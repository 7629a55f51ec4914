//! The transaction log: `log.<first zxid>` files of framed, checksummed entries.

mod reader;
mod truncate;
mod writer;

pub use reader::TxnLogReader;
pub use truncate::truncate;
pub use writer::{LogOptions, SyncStats, TxnLog};
