//! The words themselves.

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A four-letter word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Word {
            $($(#[$doc])* $name,)*
        }

        impl Word {
            /// Every word there is, in alphabetical order.
            pub const ALL: &'static [Word] = &[$(Word::$name,)*];

            /// The four letters.
            pub fn name(self) -> &'static str {
                match self {
                    $(Word::$name => $text,)*
                }
            }
        }
    };
}

words! {
    /// Settings in force.
    Conf = "conf",
    /// Every connection with its statistics.
    Cons = "cons",
    /// Reset connection statistics.
    Crst = "crst",
    /// Sizes of the data directories.
    Dirs = "dirs",
    /// Sessions by expiry, ephemerals by session.
    Dump = "dump",
    /// The process's environment.
    Envi = "envi",
    /// The trace mask.
    Gtmk = "gtmk",
    /// Recent digests of the tree.
    Hash = "hash",
    /// Whether the server is read-only.
    Isro = "isro",
    /// Metrics, for machines.
    Mntr = "mntr",
    /// Whether the process is alive.
    Ruok = "ruok",
    /// Reset server statistics.
    Srst = "srst",
    /// Server summary.
    Srvr = "srvr",
    /// Server summary with its connections.
    Stat = "stat",
    /// Set the trace mask; eight more bytes follow.
    Stmk = "stmk",
    /// Watches by session.
    Wchc = "wchc",
    /// Watches by path.
    Wchp = "wchp",
    /// Summary of watches.
    Wchs = "wchs",
}

/// What a telnet client sends when its user interrupts it: the connection is closed without a reply.
pub const TELNET_CLOSE: [u8; 4] = [0xff, 0xf4, 0xff, 0xfd];

/// The trace mask of a server that was never told another.
pub const DEFAULT_TRACE_MASK: i64 = 306;

/// What the driver does before it answers a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Forget the statistics of every connection.
    ResetConnections,
    /// Forget the statistics of the server.
    ResetServer,
    /// Set the trace mask.
    SetTraceMask(i64),
}

impl Word {
    /// Bytes that belong to the word after its letters.
    pub fn extra_len(self) -> usize {
        if self == Word::Stmk { 8 } else { 0 }
    }

    /// What the word changes; `extra` are its further bytes. `None` also when they are not complete.
    pub fn effect(self, extra: &[u8]) -> Option<Effect> {
        match self {
            Word::Crst => Some(Effect::ResetConnections),
            Word::Srst => Some(Effect::ResetServer),
            Word::Stmk => extra.first_chunk().map(|mask| Effect::SetTraceMask(i64::from_be_bytes(*mask))),
            _ => None,
        }
    }
}

/// The word that the first four bytes of a connection spell, if any.
pub fn parse(first: [u8; 4]) -> Option<Word> {
    Word::ALL.iter().copied().find(|word| word.name().as_bytes() == first)
}

#[cfg(test)]
mod tests {
    use super::{Effect, Word, parse};

    #[test]
    fn a_trace_mask_needs_its_eight_bytes() {
        let mask = (-5i64).to_be_bytes();
        assert_eq!(Word::Stmk.effect(&mask), Some(Effect::SetTraceMask(-5)));
        assert_eq!(Word::Stmk.effect(&mask[..7]), None);
        assert_eq!(Word::Gtmk.effect(&mask), None);
        assert_eq!(Word::ALL.iter().filter(|word| word.extra_len() > 0).count(), 1);
    }

    #[test]
    fn every_word_is_found_by_its_letters() {
        for word in Word::ALL {
            let bytes: [u8; 4] = word.name().as_bytes().try_into().unwrap();
            assert_eq!(parse(bytes), Some(*word));
        }
    }

    #[test]
    fn frame_lengths_and_near_misses_are_no_words() {
        for bytes in [[0, 0, 0, 45], *b"RUOK", *b"ruo\n", [0xff; 4], [0; 4]] {
            assert_eq!(parse(bytes), None);
        }
    }
}
