//! A value that may be used but never shown.

use std::fmt;

/// A password, digest or other credential from the configuration.
///
/// It has no printable form: `Debug` writes `***` and there is no `Display`, so a log line, an error
/// message or a four-letter word cannot leak it by accident. Reading it takes an explicit [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`, which from here on is not printed.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The credential itself, for the one place that compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn hc_182_a_secret_has_no_printable_form() {
        let secret = Secret::new("super:kn0wn");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(format!("{:#?}", Some(&secret)), "Some(\n    ***,\n)");
        assert_eq!(secret.expose(), "super:kn0wn");
    }
}
