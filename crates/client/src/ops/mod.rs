//! The operations, as methods of [`Client`](crate::Client).

mod admin;
mod create;
mod multi;
mod reads;
mod watches;
mod writes;

pub use admin::Reconfig;
pub use create::{Create, Created, Payload};
pub use multi::{ReadResult, Reads, Transaction, TransactionResult};
pub use reads::{Children, NodeData};
pub use watches::WatchMode;

/// "Any version" on the wire.
const ANY: i32 = -1;

/// Starts a request, or one that has failed already.
macro_rules! try_request {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return crate::Request::refused(error.into()),
        }
    };
}
use try_request;
