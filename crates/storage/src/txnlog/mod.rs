//! The transaction log: `log.<first zxid>` files of framed, checksummed entries.

mod format;
mod reader;
mod recovery;
mod sequence;
mod tail;
mod truncate;
mod writer;

pub use reader::{EndCause, Step, TxnLogReader};
pub(crate) use recovery::{TORN, drop_unborn, replay};
pub(crate) use sequence::follows;
pub use truncate::truncate;
pub use writer::{LogOptions, SyncStats, TxnLog};
