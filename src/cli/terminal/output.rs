//! Writing to standard output.

use std::io::{self, ErrorKind, Write, stdout};

use serde::Serialize;

/// Prints `text`. A reader that closed its end (`| head -1`) is no error.
///
/// # Errors
/// Any other write error, such as a full disk.
pub fn print(text: &str) -> io::Result<()> {
    write(&mut stdout().lock(), text)
}

/// Whether standard output is still read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderState {
    /// The line was written.
    Open,
    /// The reader closed its end.
    Closed,
}

/// Prints one line of several and flushes it.
///
/// # Errors
/// Any write error other than a reader that closed its end.
pub fn print_line(line: &str) -> io::Result<ReaderState> {
    let mut out = stdout().lock();
    match out.write_all(line.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ReaderState::Closed),
        result => result.map(|()| ReaderState::Open),
    }
}

/// Serializes `value` as JSON on one line, with its fields in their order.
///
/// # Errors
/// If serialization fails; no such value is known.
pub fn to_json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|mut text| {
        text.push('\n');
        text
    })
}

fn write(to: &mut impl Write, text: &str) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_an_error_unlike_a_closed_pipe() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        assert!(write(&mut writer, "text").is_ok());
        assert!(write(&mut [0_u8; 2].as_mut_slice(), "text").is_err());
    }
}
