//! What a transaction came to, and the reply made from it.

use proto::jute::{put_buffer, put_string};
use proto::multi::{MultiResult, encode_results};
use proto::stat::Stat;
use proto::{ErrorCode, OpCode, Wire};

/// What a transaction came to, as far as its reply needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and there is nothing to tell.
    None,
    /// A node was created.
    Created {
        /// Its final name.
        path: String,
        /// Its metadata.
        stat: Stat,
    },
    /// A node was changed: its new metadata.
    Changed(Stat),
    /// The configuration was changed: new text and metadata of its node.
    Reconfigured {
        /// The new configuration.
        data: Vec<u8>,
        /// The node's metadata.
        stat: Stat,
    },
    /// One result for each operation of a multi.
    Multi(Vec<MultiResult>),
    /// The write was refused, or could not be applied.
    Error(ErrorCode),
}

/// Appends the body of the reply to a write and returns the code for its header. With a code other
/// than [`ErrorCode::Ok`] nothing is appended. A multi that failed is not an error here: its results
/// say so one by one.
pub fn encode_write_reply(op: OpCode, outcome: &Outcome, out: &mut Vec<u8>) -> ErrorCode {
    match outcome {
        Outcome::None => {}
        Outcome::Created { path, stat } => {
            put_string(out, Some(path));
            if op != OpCode::Create {
                stat.encode(out);
            }
        }
        Outcome::Changed(stat) => stat.encode(out),
        Outcome::Reconfigured { data, stat } => {
            put_buffer(out, Some(data));
            stat.encode(out);
        }
        Outcome::Multi(results) => encode_results(results, out),
        Outcome::Error(code) => return *code,
    }
    ErrorCode::Ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_create_answers_without_stat() {
        let created = Outcome::Created { path: "/a".into(), stat: Stat::default() };
        for (op, len) in [
            (OpCode::Create, 6),
            (OpCode::Create2, 74),
            (OpCode::CreateContainer, 74),
            (OpCode::CreateTtl, 74),
        ] {
            let mut out = Vec::new();
            assert_eq!(encode_write_reply(op, &created, &mut out), ErrorCode::Ok);
            assert_eq!(out.len(), len, "{op:?}");
        }
    }

    #[test]
    fn errors_have_no_body() {
        let mut out = Vec::new();
        let code = encode_write_reply(OpCode::SetData, &Outcome::Error(ErrorCode::NoNode), &mut out);
        assert_eq!((code, out.len()), (ErrorCode::NoNode, 0));
    }
}
