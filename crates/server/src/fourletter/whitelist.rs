//! Which words are answered (`4lw.commands.whitelist`).

use super::Word;

/// The words an operator has opened; all others get [`Whitelist::refusal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whitelist {
    words: Vec<Word>,
}

impl Whitelist {
    /// Reads the comma-separated list of the configuration; `*` is every word. Spaces around a word do not
    /// matter, and names that are no words are passed over as the reference does.
    pub fn parse(list: &str) -> Whitelist {
        if list.split(',').any(|item| item.trim() == "*") {
            return Whitelist { words: Word::ALL.to_vec() };
        }
        let named = |word: &Word| list.split(',').any(|item| item.trim() == word.name());
        Whitelist { words: Word::ALL.iter().copied().filter(named).collect() }
    }

    /// Opens one more word.
    pub fn allow(&mut self, word: Word) {
        if !self.allows(word) {
            self.words.push(word);
            self.words.sort();
        }
    }

    /// Whether `word` may be answered.
    pub fn allows(&self, word: Word) -> bool {
        self.words.contains(&word)
    }

    /// What is answered instead, to the byte as the reference says it.
    pub fn refusal(word: Word) -> String {
        format!("{} is not executed because it is not in the whitelist.\n", word.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Whitelist;
    use crate::fourletter::Word;

    #[test]
    fn spaces_are_trimmed_and_strangers_passed_over() {
        let list = Whitelist::parse(" stat, ruok ,nope,,conf");
        let allowed: Vec<_> = Word::ALL.iter().filter(|word| list.allows(**word)).collect();
        assert_eq!(allowed, [&Word::Conf, &Word::Ruok, &Word::Stat]);
    }

    #[test]
    fn a_star_opens_every_word() {
        let list = Whitelist::parse("*");
        assert!(Word::ALL.iter().all(|word| list.allows(*word)));
    }

    #[test]
    fn hc_173_expensive_words_are_closed_unless_listed() {
        let list = Whitelist::parse("srvr");
        assert!(!list.allows(Word::Wchp) && !list.allows(Word::Wchc) && !list.allows(Word::Dump));
        assert_eq!(
            Whitelist::refusal(Word::Wchp),
            "wchp is not executed because it is not in the whitelist.\n"
        );
    }
}
