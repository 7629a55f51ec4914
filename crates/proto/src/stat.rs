//! What is known of a znode besides its data.

crate::jute::record! {
    /// A znode's metadata as clients see it (68 bytes on the wire).
    #[derive(Copy, Default)]
    Stat {
        /// Transaction that created the node.
        czxid: i64,
        /// Transaction that last set its data.
        mzxid: i64,
        /// Creation time, milliseconds since 1970.
        ctime: i64,
        /// Time of the last data change, milliseconds since 1970.
        mtime: i64,
        /// Data version, counted from 0.
        version: i32,
        /// Number of child creations and deletions.
        cversion: i32,
        /// ACL version, counted from 0.
        aversion: i32,
        /// Owning session of an ephemeral node, else 0.
        ephemeral_owner: i64,
        /// Bytes of data.
        data_length: i32,
        /// Number of direct children.
        num_children: i32,
        /// Transaction that last changed the set of children.
        pzxid: i64,
    }
}

crate::jute::record! {
    /// A znode's metadata as snapshots store it (60 bytes).
    #[derive(Copy, Default)]
    StatPersisted {
        /// Transaction that created the node.
        czxid: i64,
        /// Transaction that last set its data.
        mzxid: i64,
        /// Creation time, milliseconds since 1970.
        ctime: i64,
        /// Time of the last data change, milliseconds since 1970.
        mtime: i64,
        /// Data version, counted from 0.
        version: i32,
        /// Number of child *creations*: what [`Stat::cversion`] and sequence numbers derive from.
        cversion: i32,
        /// ACL version, counted from 0.
        aversion: i32,
        /// Owning session, or a container or TTL mark.
        ephemeral_owner: i64,
        /// Transaction that last changed the set of children.
        pzxid: i64,
    }
}
