//! What has been prepared and not yet applied.

use proto::Zxid;

/// The leader's view of the near future: changes prepared but not applied.
#[derive(Default)]
pub struct Outstanding {}

impl Outstanding {
    /// Nothing outstanding.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything up to and including `zxid`, which the tree has by now.
    pub fn applied(&mut self, zxid: Zxid) {
        let _ = zxid;
    }
}
