//! Finds frames in a stream of bytes without keeping them.
//!
//! Of a reply only its first sixteen bytes matter here, so bodies are counted, not copied: all
//! connections of a thread read into one buffer and a connection keeps twenty bytes between reads.

use std::fmt;

const LEN: usize = 4;
const HEAD: usize = 16;
/// No reply is larger: the reference refuses requests over 1 MiB, but lists may be long.
const MAX_FRAME: u32 = 256 << 20;

/// The first sixteen bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head([u8; HEAD]);

impl Head {
    fn i32(&self, at: usize) -> i32 {
        i32::from_be_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }

    /// Of a reply or event: the request's xid.
    pub(crate) fn xid(&self) -> i32 {
        self.i32(0)
    }

    /// Of a reply: its error code.
    pub(crate) fn err(&self) -> i32 {
        self.i32(12)
    }

    /// Of a connect response: the negotiated timeout in milliseconds, 0 for a refusal.
    pub(crate) fn timeout_ms(&self) -> i32 {
        self.i32(4)
    }
}

/// A frame that cannot come from a ZooKeeper server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadFrame(u32);

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server sent a frame of {} bytes: this is no ZooKeeper client port", self.0)
    }
}

/// The state between two reads of one connection.
#[derive(Debug, Default, Clone)]
pub(crate) struct FrameScanner {
    partial: [u8; LEN + HEAD],
    have: usize,
    body_left: usize,
}

impl FrameScanner {
    /// Calls `on_frame` for every frame that `bytes` completes.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut on_frame: impl FnMut(Head)) -> Result<(), BadFrame> {
        let mut rest = bytes;
        if self.have > 0 {
            rest = self.resume(rest, &mut on_frame)?;
        }
        while let Some((head, _)) = rest.split_first_chunk::<{ LEN + HEAD }>() {
            let len = frame_len(head)?;
            if rest.len() < LEN + len {
                break;
            }
            on_frame(head_of(head));
            rest = &rest[LEN + len..];
        }
        if !rest.is_empty() {
            self.resume(rest, &mut on_frame)?;
        }
        Ok(())
    }

    /// Takes bytes of a frame that came in pieces; returns what follows the frame.
    fn resume<'a>(
        &mut self,
        mut rest: &'a [u8],
        on_frame: &mut impl FnMut(Head),
    ) -> Result<&'a [u8], BadFrame> {
        if self.have < LEN + HEAD {
            let take = rest.len().min(LEN + HEAD - self.have);
            self.partial[self.have..self.have + take].copy_from_slice(&rest[..take]);
            self.have += take;
            rest = &rest[take..];
            if self.have < LEN + HEAD {
                return Ok(rest);
            }
            self.body_left = frame_len(&self.partial)? - HEAD;
        }
        let take = rest.len().min(self.body_left);
        self.body_left -= take;
        if self.body_left == 0 {
            self.have = 0;
            on_frame(head_of(&self.partial));
        }
        Ok(&rest[take..])
    }
}

fn frame_len(head: &[u8; LEN + HEAD]) -> Result<usize, BadFrame> {
    let len = u32::from_be_bytes(head[..LEN].try_into().expect("four bytes"));
    if len < HEAD as u32 || len > MAX_FRAME {
        return Err(BadFrame(len));
    }
    Ok(len as usize)
}

fn head_of(bytes: &[u8; LEN + HEAD]) -> Head {
    Head(bytes[LEN..].try_into().expect("sixteen bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(bodies: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        for (xid, body) in bodies.iter().enumerate() {
            out.extend_from_slice(&((HEAD + body) as u32).to_be_bytes());
            out.extend_from_slice(&(xid as i32).to_be_bytes());
            out.extend_from_slice(&[0; 8]);
            out.extend_from_slice(&(-101i32).to_be_bytes());
            out.extend(std::iter::repeat_n(0xff, *body));
        }
        out
    }

    #[test]
    fn every_split_of_a_stream_yields_the_same_frames() {
        let bytes = stream(&[0, 1, 40, 0, 7]);
        for chunk in 1..=bytes.len() {
            let mut scanner = FrameScanner::default();
            let mut xids = Vec::new();
            for part in bytes.chunks(chunk) {
                scanner
                    .feed(part, |head| {
                        assert_eq!(head.err(), -101);
                        xids.push(head.xid());
                    })
                    .unwrap();
            }
            assert_eq!(xids, [0, 1, 2, 3, 4], "chunks of {chunk}");
        }
    }

    #[test]
    fn a_frame_is_reported_only_when_it_is_complete() {
        let bytes = stream(&[10]);
        let mut scanner = FrameScanner::default();
        let mut seen = 0;
        scanner.feed(&bytes[..bytes.len() - 1], |_| seen += 1).unwrap();
        assert_eq!(seen, 0);
        scanner.feed(&bytes[bytes.len() - 1..], |_| seen += 1).unwrap();
        assert_eq!(seen, 1);
    }

    #[test]
    fn lengths_no_server_sends_are_refused() {
        for len in [0u32, 15, u32::MAX] {
            let mut bytes = len.to_be_bytes().to_vec();
            bytes.extend_from_slice(&[0; 16]);
            assert_eq!(FrameScanner::default().feed(&bytes, |_| ()), Err(BadFrame(len)));
        }
    }
}
