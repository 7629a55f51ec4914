//! The other files a configuration leads to: `myid` and the membership files.

use super::error::ConfigError;
use std::io::{self, Read};
use std::path::Path;

/// Larger files are none of these.
const BYTES_MAX: u64 = 1 << 20;

/// Where those files are read from.
#[derive(Debug, Default)]
pub(super) enum Files {
    /// The file system.
    #[default]
    Disk,
    /// These, by path.
    #[cfg(test)]
    Given(std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>),
}

impl Files {
    /// The contents of a file; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read, is no regular file, or is larger than any of these files can be.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_path_buf(), source };
        match self {
            Self::Disk => match regular(path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(unreadable(error)),
            },
            #[cfg(test)]
            Self::Given(files) => Ok(files.get(path).cloned()),
        }
    }
}

fn regular(path: &Path) -> io::Result<Vec<u8>> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if about.len() > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 1 MiB"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
