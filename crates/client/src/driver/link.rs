//! A TCP connection to a server: bytes out, frames in.

use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room made for each read.
const READ_BYTES: usize = 16 * 1024;
/// Buffers that grew beyond this are given back when empty.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// One connection and its buffers.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) generation: u64,
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// Bytes of the outbox already sent.
    sent: usize,
    max_reply_bytes: usize,
}

impl Link {
    pub(super) fn new(generation: u64, stream: TcpStream, max_reply_bytes: usize) -> Self {
        Self { generation, stream, inbox: Vec::new(), outbox: Vec::new(), sent: 0, max_reply_bytes }
    }

    /// Queues bytes.
    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        if self.outbox.is_empty() && self.outbox.capacity() < bytes.len() {
            self.outbox = bytes;
        } else {
            self.outbox.extend_from_slice(&bytes);
        }
    }

    /// Moves some bytes, whichever way is possible first. Dropped before it ends, it has moved none.
    ///
    /// # Errors
    /// The connection is broken or at its end.
    pub(super) async fn turn(&mut self) -> io::Result<()> {
        self.inbox.reserve(READ_BYTES);
        let (mut reader, mut writer) = self.stream.split();
        let waiting = &self.outbox[self.sent..];
        tokio::select! {
            read = reader.read_buf(&mut self.inbox) => {
                if read? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            wrote = writer.write(waiting), if !waiting.is_empty() => {
                self.sent += match wrote? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    wrote => wrote,
                };
            }
        }
        if self.sent == self.outbox.len() {
            self.sent = 0;
            self.outbox.clear();
            if self.outbox.capacity() > KEPT_BYTES_MAX {
                self.outbox = Vec::new();
            }
        }
        Ok(())
    }

    /// Gives every whole frame that is there to `take`, without its length. A part of a frame stays until
    /// its rest comes: nothing is allocated for what a length merely announces.
    ///
    /// # Errors
    /// A length is negative or beyond the limit.
    pub(super) fn frames(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut start = 0;
        while let Some((length, rest)) = self.inbox[start..].split_first_chunk::<4>() {
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > self.max_reply_bytes {
                let what = format!("a reply of {length} bytes, at most {} are taken", self.max_reply_bytes);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            let Some(payload) = rest.get(..length) else { break };
            take(payload);
            start += 4 + length;
        }
        self.inbox.drain(..start);
        if self.inbox.is_empty() && self.inbox.capacity() > KEPT_BYTES_MAX {
            self.inbox = Vec::new();
        }
        Ok(())
    }
}
