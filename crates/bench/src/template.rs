//! Request frames encoded once and patched in place for each use.
//!
//! A load generator on the same cores as the server must cost almost nothing per request, so a
//! request is one copy of a ready frame, four bytes of xid and a few decimal digits of the path.

use proto::OpCode;
use proto::acl::Acl;
use proto::jute::Wire;
use proto::request::{
    AddWatchRequest, CreateRequest, DeleteRequest, ReadRequest, SetDataRequest, encode_frame,
};

/// Deepest path pattern, in numbers per path.
pub(crate) const MAX_NUMBERS: usize = 4;

/// Where the path starts in every request frame: length, xid, opcode, path length.
const PATH_AT: usize = 16;

/// A path whose runs of `0` stand for numbers, for instance `/bench/k00000000`.
///
/// Every run of two or more zeros becomes one number of that many digits.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
}

impl Pattern {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The path with all numbers zero.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn fields(&self) -> Vec<Field> {
        let bytes = self.text.as_bytes();
        let mut fields = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let width = bytes[at..].iter().take_while(|b| **b == b'0').count();
            if width >= 2 {
                fields.push(Field { at: PATH_AT + at, width });
            }
            at += width.max(1);
        }
        assert!(fields.len() <= MAX_NUMBERS, "patterns are ours and short");
        fields
    }
}

/// A place of decimal digits inside a frame.
#[derive(Debug, Clone, Copy)]
struct Field {
    at: usize,
    width: usize,
}

/// One request, ready but for its xid and the numbers in its path.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    frame: Vec<u8>,
    fields: Vec<Field>,
}

impl Template {
    fn new<'a>(op: OpCode, path: &Pattern, body: &impl Wire<'a>) -> Self {
        let mut frame = Vec::new();
        encode_frame(0, op, body, &mut frame);
        Self { frame, fields: path.fields() }
    }

    /// A read (`getData`, `exists`, `getChildren2`), leaving a one-shot watch when asked.
    pub(crate) fn read(op: OpCode, path: &Pattern, watch: bool) -> Self {
        Self::new(op, path, &ReadRequest { path: path.text().into(), watch })
    }

    /// A `setData` of any version.
    pub(crate) fn set(path: &Pattern, data: &[u8]) -> Self {
        Self::new(
            OpCode::SetData,
            path,
            &SetDataRequest { path: path.text().into(), data: Some(data), version: -1 },
        )
    }

    /// A `create` of a persistent node open to everybody.
    pub(crate) fn create(path: &Pattern, data: &[u8]) -> Self {
        Self::new(
            OpCode::Create,
            path,
            &CreateRequest {
                path: path.text().into(),
                data: Some(data),
                acl: Some(vec![Acl::open()]),
                flags: 0,
            },
        )
    }

    /// A `delete` of any version.
    pub(crate) fn delete(path: &Pattern) -> Self {
        Self::new(OpCode::Delete, path, &DeleteRequest { path: path.text().into(), version: -1 })
    }

    /// An `addWatch` for a persistent watch.
    pub(crate) fn add_watch(path: &Pattern) -> Self {
        Self::new(OpCode::AddWatch, path, &AddWatchRequest { path: path.text().into(), mode: 0 })
    }

    /// Appends the request with this xid and these path numbers, one per run of zeros.
    pub(crate) fn append(&self, out: &mut Vec<u8>, xid: i32, numbers: &[u32]) {
        let start = out.len();
        out.extend_from_slice(&self.frame);
        let frame = &mut out[start..];
        frame[4..8].copy_from_slice(&xid.to_be_bytes());
        for (field, number) in self.fields.iter().zip(numbers) {
            put_digits(&mut frame[field.at..field.at + field.width], *number);
        }
    }
}

/// Writes `number` in decimal, filling `place` from the right with leading zeros.
fn put_digits(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::Reader;
    use proto::request::RequestHeader;

    #[test]
    fn a_patched_frame_equals_a_freshly_encoded_one() {
        let pattern = Pattern::new("/b/d000/n00000000");
        let template = Template::set(&pattern, b"value");
        let mut patched = vec![9; 3];
        template.append(&mut patched, 77, &[12, 345_678]);
        let mut fresh = vec![9; 3];
        let body = SetDataRequest { path: "/b/d012/n00345678".into(), data: Some(b"value"), version: -1 };
        encode_frame(77, OpCode::SetData, &body, &mut fresh);
        assert_eq!(patched, fresh);
    }

    #[test]
    fn a_template_can_be_appended_again_and_again() {
        let template = Template::read(OpCode::GetData, &Pattern::new("/k00000000"), false);
        let mut out = Vec::new();
        for n in 0..3 {
            template.append(&mut out, n, &[n as u32]);
        }
        let mut rest = &out[..];
        for n in 0..3 {
            let len = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let mut reader = Reader::new(&rest[4..4 + len]);
            assert_eq!(RequestHeader::decode(&mut reader).unwrap().xid, n);
            let body = ReadRequest::decode(&mut reader).unwrap();
            assert_eq!(body.path, format!("/k{n:08}"));
            rest = &rest[4 + len..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn single_zeros_in_a_path_are_not_numbers() {
        assert!(Pattern::new("/a0/b10").fields().is_empty());
        assert_eq!(Pattern::new("/a00").fields().len(), 1);
    }
}
