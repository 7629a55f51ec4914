//! Four-letter words: the plain-text questions an operator asks on the client port.
//!
//! Pure text: a word and a view of the server go in, the reply comes out. Nothing here reads a socket,
//! a clock or a file.

mod whitelist;
mod word;

pub use whitelist::Whitelist;
pub use word::{Word, parse};
