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

/// The word that the first four bytes of a connection spell, if any.
pub fn parse(first: [u8; 4]) -> Option<Word> {
    Word::ALL.iter().copied().find(|word| word.name().as_bytes() == first)
}

#[cfg(test)]
mod tests {
    use super::{Word, parse};

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
