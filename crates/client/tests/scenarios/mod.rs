//! What has to hold on every server.

pub(crate) mod faults;
pub(crate) mod operations;
pub(crate) mod sessions;
pub(crate) mod watches;
