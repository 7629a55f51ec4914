//! The files that hold an ensemble's membership when it can be changed while it runs.
//!
//! * `<cfg>.dynamic.<version>`: a committed membership; the version is in the name only.
//! * `<cfg>.dynamic.next`: one that was proposed; the version is inside.
//! * `<cfg>` itself, whose line `dynamicConfigFile=` points to the newest committed one.
//!
//! The first two have the reference's bytes: one line for each key, sorted, no line end after the last
//! (HC-140). Of `<cfg>` the reference keeps neither order nor comments; here all other lines stay as
//! they are, and the new ones come last, as there.
//!
//! //= java: QuorumPeerConfig.writeDynamicConfig, editStaticConfig

use crate::{SharedDisk, StorageError, small_file};
use std::path::{Path, PathBuf};

/// Larger files are not a configuration.
const BYTES_MAX: usize = 16 << 20;
/// Key of the line that says where the membership is.
const POINTER: &str = "dynamicConfigFile";

/// The files around one configuration file.
#[derive(Debug, Clone)]
pub struct ConfigFiles {
    disk: SharedDisk,
    path: PathBuf,
    me: i64,
}

impl ConfigFiles {
    /// The files around `path`, of the server numbered `me`. `path` should be absolute and its directory
    /// free of symbolic links, because it is written into the file.
    pub fn at(disk: SharedDisk, path: PathBuf, me: i64) -> Self {
        Self { disk, path, me }
    }

    /// The proposed membership's file.
    pub fn next_path(&self) -> PathBuf {
        self.beside(".dynamic.next")
    }

    /// The file of the committed membership of this version.
    pub fn committed_path(&self, version: i64) -> PathBuf {
        self.beside(&format!(".dynamic.{version:x}"))
    }

    /// The proposed membership, if one is noted: its text.
    ///
    /// # Errors
    /// [`StorageError::Io`], [`StorageError::Corrupt`] for a file that is no text.
    pub fn load_next(&self) -> Result<Option<String>, StorageError> {
        let path = self.next_path();
        let Some(bytes) = small_file::read(&self.disk, &path, BYTES_MAX)? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|e| StorageError::Corrupt {
            offset: e.utf8_error().valid_up_to() as u64,
            path,
            what: "this is not a membership".into(),
            remedy: "remove the file; the ensemble knows what was proposed",
        })?;
        Ok(Some(text))
    }

    /// Notes a proposed membership, durably.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn store_next(&self, text: &str) -> Result<(), StorageError> {
        small_file::replace(&self.disk, &self.next_path(), sorted(text, true).as_bytes())
    }

    /// Makes a membership the committed one, durably: its file, then the line that points to it; then the
    /// proposed one goes, unless it is newer (HC-138). Before the configuration file is changed for the
    /// first time it is copied to `<cfg>.bak`.
    ///
    /// # Errors
    /// [`StorageError::Io`]; the membership before this one stands until the very end.
    pub fn commit(&self, text: &str) -> Result<(), StorageError> {
        let version = version(text).unwrap_or(0);
        let path = self.committed_path(version);
        small_file::replace(&self.disk, &path, sorted(text, false).as_bytes())?;
        self.point_to(&path, text)?;
        let next = self.load_next().ok().flatten().and_then(|next| self::version(&next));
        if next.is_none_or(|next| next <= version) {
            small_file::remove(&self.disk, &self.next_path())?;
        }
        Ok(())
    }

    fn point_to(&self, dynamic: &Path, text: &str) -> Result<(), StorageError> {
        let old = small_file::read(&self.disk, &self.path, BYTES_MAX)?.unwrap_or_default();
        let lines = logical_lines(&old);
        if !lines.iter().any(|line| key(line) == POINTER.as_bytes()) {
            small_file::replace(&self.disk, &self.beside(".bak"), &old)?;
        }
        let has_client = has_client_address(text, self.me);
        let stays = |line: &&[u8]| {
            let key = key(line);
            let moved: [&[u8]; 5] = [b"server.", b"group", b"weight", POINTER.as_bytes(), b"peerType"];
            let goes = moved.iter().any(|prefix| key.starts_with(prefix));
            !(goes || has_client && key.starts_with(b"clientPort"))
        };
        let mut new: Vec<u8> = lines.into_iter().filter(stays).flatten().copied().collect();
        if new.last().is_some_and(|last| *last != b'\n') {
            new.push(b'\n');
        }
        new.extend_from_slice(format!("{POINTER}={}\n", dynamic.display()).as_bytes());
        if new == old { Ok(()) } else { small_file::replace(&self.disk, &self.path, &new) }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }
}

/// The lines of a membership in the order of the files.
fn sorted(text: &str, with_version: bool) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines: Vec<_> = lines.filter(|line| with_version || !line.starts_with("version")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// What the line `version=` says.
fn version(text: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("version="))?;
    i64::from_str_radix(line, 16).ok()
}

/// Whether the membership says where this server's clients connect: then the configuration must not.
fn has_client_address(text: &str, me: i64) -> bool {
    let own = format!("server.{me}=");
    let line = text.lines().find_map(|line| line.trim().strip_prefix(own.as_str()));
    line.and_then(|line| line.split(';').nth(1)).is_some_and(|client| !client.is_empty())
}

/// Splits a file into the lines its reader sees, line ends included: one that ends in an odd number of
/// backslashes goes on, unless it is a comment.
fn logical_lines(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
    for natural in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += natural.len();
        let body = natural.trim_ascii_end();
        let ends_bare = natural.strip_suffix(b"\n").unwrap_or(natural);
        let ends_bare = ends_bare.strip_suffix(b"\r").unwrap_or(ends_bare);
        let backslashes = ends_bare.iter().rev().take_while(|byte| **byte == b'\\').count();
        let comment = bytes[start..].trim_ascii_start().starts_with(b"#")
            || bytes[start..].trim_ascii_start().starts_with(b"!");
        if backslashes % 2 == 1 && !comment && !body.is_empty() {
            continue;
        }
        lines.push(&bytes[start..at]);
        start = at;
    }
    if start < bytes.len() {
        lines.push(&bytes[start..]);
    }
    lines
}

/// A line's key; empty for a comment.
fn key(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii_start();
    if matches!(line.first(), Some(b'#' | b'!')) {
        return &[];
    }
    let end = line.iter().position(|byte| matches!(byte, b'=' | b':') || byte.is_ascii_whitespace());
    &line[..end.unwrap_or(line.len())]
}
