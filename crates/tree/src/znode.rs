//! One znode in memory: 80 bytes, plus one allocation for its name and data.
//!
//! What only parents have (see [`crate::families`]) and what only few nodes have (owners) is kept
//! elsewhere, because most nodes are leaves that nobody owns.

/// The number of a znode in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    /// No node.
    pub(crate) const NONE: NodeId = NodeId(u32::MAX);
    /// The root is always the first.
    pub(crate) const ROOT: NodeId = NodeId(0);

    /// `None` for [`NodeId::NONE`].
    pub(crate) fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// The data is null, which is not the same as empty.
const NULL_DATA: u32 = 1 << 31;
/// The node has an entry in the table of owners.
const OWNED: u32 = 1 << 30;
/// The slot is free.
const DEAD: u32 = 1 << 29;
const NAME_LEN: u32 = DEAD - 1;

/// A znode.
#[derive(Debug)]
pub(crate) struct Znode {
    pub(crate) czxid: i64,
    pub(crate) mzxid: i64,
    pub(crate) ctime: i64,
    pub(crate) mtime: i64,
    pub(crate) version: i32,
    pub(crate) aversion: i32,
    pub(crate) parent: NodeId,
    /// The sibling created before this one.
    pub(crate) next: NodeId,
    /// The sibling created after this one.
    pub(crate) prev: NodeId,
    /// What it has as a parent: a row of [`crate::families::Families`].
    pub(crate) family: u32,
    /// A row of the ACL table.
    pub(crate) acl: u32,
    /// Length of the name, and flags.
    meta: u32,
    /// Name, then data.
    content: Box<[u8]>,
}

impl Znode {
    /// A node with this name and data, all else zero.
    pub(crate) fn new(parent: NodeId, name: &str, data: Option<&[u8]>) -> Self {
        assert!(name.len() <= NAME_LEN as usize, "a name fits into a frame");
        let mut content = Vec::with_capacity(name.len() + data.map_or(0, <[u8]>::len));
        content.extend_from_slice(name.as_bytes());
        content.extend_from_slice(data.unwrap_or_default());
        Self {
            czxid: 0,
            mzxid: 0,
            ctime: 0,
            mtime: 0,
            version: 0,
            aversion: 0,
            parent,
            next: NodeId::NONE,
            prev: NodeId::NONE,
            family: crate::families::LEAF,
            acl: crate::acl::OPEN,
            meta: name.len() as u32 | if data.is_none() { NULL_DATA } else { 0 },
            content: content.into_boxed_slice(),
        }
    }

    fn name_len(&self) -> usize {
        (self.meta & NAME_LEN) as usize
    }

    /// Its own name component, in UTF-8; empty for the root.
    pub(crate) fn name(&self) -> &[u8] {
        &self.content[..self.name_len()]
    }

    /// Its data.
    pub(crate) fn data(&self) -> Option<&[u8]> {
        (self.meta & NULL_DATA == 0).then(|| &self.content[self.name_len()..])
    }

    /// Bytes of data, 0 for null.
    pub(crate) fn data_len(&self) -> usize {
        self.content.len() - self.name_len()
    }

    /// Replaces the data, in place when it has the same length.
    pub(crate) fn set_data(&mut self, data: Option<&[u8]>) {
        let name_len = self.name_len();
        let bytes = data.unwrap_or_default();
        if bytes.len() == self.data_len() {
            self.content[name_len..].copy_from_slice(bytes);
        } else {
            let mut content = Vec::with_capacity(name_len + bytes.len());
            content.extend_from_slice(self.name());
            content.extend_from_slice(bytes);
            self.content = content.into_boxed_slice();
        }
        self.meta = (self.meta & !NULL_DATA) | if data.is_none() { NULL_DATA } else { 0 };
    }

    /// Whether the table of owners knows it.
    pub(crate) fn is_owned(&self) -> bool {
        self.meta & OWNED != 0
    }

    pub(crate) fn set_owned(&mut self) {
        self.meta |= OWNED;
    }

    /// Whether the slot is free.
    pub(crate) fn is_dead(&self) -> bool {
        self.meta & DEAD != 0
    }

    /// Marks the slot free and drops name and data. The links to siblings stay.
    pub(crate) fn bury(&mut self) {
        self.meta = DEAD;
        self.content = Box::default();
        self.family = crate::families::LEAF;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_znode_takes_80_bytes() {
        assert_eq!(std::mem::size_of::<Znode>(), 80);
    }

    #[test]
    fn null_and_empty_data_differ() {
        let mut node = Znode::new(NodeId::NONE, "name", None);
        assert_eq!((node.name(), node.data()), (&b"name"[..], None));
        node.set_data(Some(b""));
        assert_eq!(node.data(), Some(&b""[..]));
        node.set_data(Some(b"abc"));
        node.set_data(Some(b"xyz"));
        assert_eq!((node.name(), node.data()), (&b"name"[..], Some(&b"xyz"[..])));
        node.set_data(None);
        assert_eq!((node.name(), node.data(), node.data_len()), (&b"name"[..], None, 0));
    }
}
