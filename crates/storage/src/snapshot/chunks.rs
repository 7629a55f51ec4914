//! A stream in big pieces, read, unpacked and checksummed by a thread of its own.
//!
//! The parser works on one piece while the next is prepared. Every piece has free room in front of
//! its data: a record that began in the piece before is completed by moving its beginning there,
//! so that the parser always sees whole records without copying whole pieces.

use simd_adler32::Adler32;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes of one piece, but for small files.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes of a piece of the smallest file.
const CHUNK_BYTES_MIN: usize = 16 << 10;
/// Free room in front of a piece.
const HEADROOM: usize = 64 << 10;
/// Pieces prepared ahead of the parser.
const AHEAD: usize = 2;

/// One piece of the stream.
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    /// Where the stream's bytes begin in `bytes`.
    pub(crate) start: usize,
    /// Checksum of the stream up to this piece.
    pub(crate) checksum_before: u32,
}

/// The receiving end.
pub(crate) struct Chunks {
    pieces: Receiver<io::Result<Chunk>>,
    used: SyncSender<Vec<u8>>,
}

impl Chunks {
    /// Starts reading a stream of about `expected` bytes. The thread ends with the stream, or when
    /// this value is dropped.
    pub(crate) fn start(mut stream: Box<dyn Read + Send>, expected: u64) -> io::Result<Self> {
        let expected = usize::try_from(expected).unwrap_or(CHUNK_BYTES);
        let len = expected.clamp(CHUNK_BYTES_MIN, CHUNK_BYTES);
        let (send, pieces) = sync_channel(AHEAD);
        let (used, reuse) = sync_channel::<Vec<u8>>(AHEAD + 1);
        thread::Builder::new().name("snapshot-read".into()).spawn(move || {
            let mut checksum = Adler32::new();
            loop {
                let bytes = reuse.try_recv().unwrap_or_default();
                let piece = fill(&mut *stream, bytes, len, &mut checksum);
                let last = !matches!(&piece, Ok(chunk) if chunk.bytes.len() > chunk.start);
                // The parser gave up: nobody wants the rest.
                if send.send(piece).is_err() || last {
                    return;
                }
            }
        })?;
        Ok(Self { pieces, used })
    }

    /// The next piece; one without data is the end.
    pub(crate) fn next(&self) -> io::Result<Chunk> {
        self.pieces.recv().unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into()))
    }

    /// Gives a piece's memory back for another.
    pub(crate) fn recycle(&self, bytes: Vec<u8>) {
        // A full or closed queue only means that the memory is freed instead.
        let _ = self.used.try_send(bytes);
    }
}

fn fill(stream: &mut dyn Read, mut bytes: Vec<u8>, len: usize, checksum: &mut Adler32) -> io::Result<Chunk> {
    if bytes.len() != HEADROOM + len {
        bytes = vec![0; HEADROOM + len];
    }
    let mut end = HEADROOM;
    while end < bytes.len() {
        match stream.read(&mut bytes[end..]) {
            Ok(0) => break,
            Ok(n) => end += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(end);
    let checksum_before = checksum.finish();
    checksum.write(&bytes[HEADROOM..]);
    Ok(Chunk { bytes, start: HEADROOM, checksum_before })
}
