//! Reading one log file entry by entry.

/// One log file, read from its start.
#[derive(Debug)]
pub struct TxnLogReader {}
