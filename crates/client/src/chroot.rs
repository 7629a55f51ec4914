//! The node below which a client lives: put in front of every path sent, taken off every path received.

use proto::path::{self, PathError};
use std::sync::Arc;

/// A prefix of all paths. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Chroot(Option<Arc<str>>);

impl Chroot {
    /// Below `path`; the root means no prefix.
    pub(crate) fn new(path: &str) -> Result<Self, PathError> {
        path::validate(path)?;
        Ok(Self((path != "/").then(|| path.into())))
    }

    /// The prefix.
    pub(crate) fn path(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The chroot at `path` within this one.
    pub(crate) fn within(&self, path: &str) -> Result<Self, PathError> {
        path::validate(path)?;
        Self::new(&self.join(path))
    }

    /// The server's name for a valid path.
    pub(crate) fn join(&self, path: &str) -> String {
        match &self.0 {
            None => path.to_owned(),
            Some(root) if path == "/" => root.to_string(),
            Some(root) => format!("{root}{path}"),
        }
    }

    /// Our name for a server's path. One that is not below the chroot stays as it is.
    pub(crate) fn strip(&self, mut path: String) -> String {
        let Some(root) = self.path() else { return path };
        match path.strip_prefix(root) {
            Some("") => "/".to_owned(),
            Some(rest) if rest.starts_with('/') => path.split_off(root.len()),
            _ => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Chroot;

    #[test]
    fn paths_go_under_the_chroot_and_come_back() {
        let chroot = Chroot::new("/apps").unwrap();
        for (ours, servers) in [("/", "/apps"), ("/a", "/apps/a"), ("/a/b", "/apps/a/b")] {
            assert_eq!(chroot.join(ours), servers);
            assert_eq!(chroot.strip(servers.to_owned()), ours);
        }
        assert_eq!(chroot.strip("/appsx".to_owned()), "/appsx");
        assert_eq!(Chroot::new("/").unwrap().join("/a"), "/a");
        assert_eq!(chroot.within("/shop").unwrap().path(), Some("/apps/shop"));
        assert_eq!(chroot.within("/").unwrap(), chroot);
        assert!(Chroot::new("apps").is_err());
    }
}
