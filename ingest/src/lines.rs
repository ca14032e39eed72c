//! A file of JSON lines, or stdin: lines end in LF, empty ones are skipped.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::Path;

use crate::failure::Failure;

/// The lines of a file, as bytes: what stands there need not be UTF-8.
pub struct Lines {
    input: BufReader<Box<dyn Read>>,
    name: String,
    number: u64,
    bytes_read: u64,
    size: Option<u64>,
}

/// A line and where it stands.
pub struct Line<'a> {
    /// From 1.
    pub number: u64,
    /// Without the line feed.
    pub bytes: &'a [u8],
}

impl Lines {
    /// Opens the file; `-` is stdin.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let (input, size): (Box<dyn Read>, _) = if name == "-" {
            (Box::new(stdin()), None)
        } else {
            let file = File::open(path).map_err(|error| Failure::Usage(format!("cannot read {name}: {error}")))?;
            let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
            (Box::new(file), size)
        };
        Ok(Self { input: BufReader::with_capacity(1 << 20, input), name, number: 0, bytes_read: 0, size })
    }

    /// Reads the next line that is not empty into `buffer`.
    ///
    /// # Errors
    /// The file cannot be read on.
    pub fn next<'a>(&mut self, buffer: &'a mut Vec<u8>) -> Result<Option<Line<'a>>, Failure> {
        loop {
            buffer.clear();
            let count = self.input.read_until(b'\n', buffer);
            let count = count.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", self.name)))?;
            if count == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.bytes_read += u64::try_from(count).unwrap_or_default();
            if buffer.last() == Some(&b'\n') {
                buffer.pop();
            }
            if !buffer.is_empty() {
                break;
            }
        }
        Ok(Some(Line { number: self.number, bytes: buffer }))
    }

    /// Bytes read, and bytes there are, where that is known.
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.bytes_read, self.size)
    }

    /// What the user calls it.
    pub fn name(&self) -> &str {
        &self.name
    }
}
