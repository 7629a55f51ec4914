//! A snapshot that comes from a leader, read as it arrives.

use proto::Zxid;
use proto::peer::snap::SnapStream;
use tree::{Loader, Settings, Tree};

/// What came of some bytes.
pub(super) enum Progress {
    /// The snapshot goes on.
    More,
    /// It is complete; what follows are packets again.
    Complete(Box<Tree>),
}

/// A snapshot being received.
pub(super) struct Incoming {
    zxid: Zxid,
    stream: SnapStream,
    /// Taken when it is complete.
    loader: Option<Loader>,
}

impl Incoming {
    /// Of the tree as of `zxid`. A record may have `record_max` bytes.
    pub(super) fn new(zxid: Zxid, settings: Settings, record_max: usize) -> Self {
        Self { zxid, stream: SnapStream::new(record_max), loader: Some(Loader::new(settings)) }
    }

    /// Reads all whole records, and says how many bytes those were.
    pub(super) fn take_in(&mut self, bytes: &[u8]) -> Result<(usize, Progress), String> {
        let Some(loader) = &mut self.loader else { return Ok((0, Progress::More)) };
        let fed = self.stream.feed(bytes, loader).map_err(|error| error.to_string())?;
        if !fed.done {
            return Ok((fed.consumed, Progress::More));
        }
        let tree = self.loader.take().map(|loader| loader.finish(self.zxid)).transpose()?;
        Ok((fed.consumed, tree.map_or(Progress::More, |tree| Progress::Complete(Box::new(tree)))))
    }
}
