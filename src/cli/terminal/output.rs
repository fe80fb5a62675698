//! Writing to standard output.

use std::io::{self, ErrorKind, Write, stdout};

use serde::Serialize;

/// Prints `text`. A reader that has seen enough (`| head -1`) is no error.
///
/// # Errors
/// Any other failure to write, a full disk for one.
pub fn print(text: &str) -> io::Result<()> {
    write(&mut stdout().lock(), text)
}

/// Whether somebody still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printed {
    /// All of it was taken.
    Whole,
    /// The reader has seen enough.
    Unwanted,
}

/// Prints one line of several, at once, and tells whether more is wanted.
///
/// # Errors
/// Any other failure to write than a reader that left.
pub fn print_line(line: &str) -> io::Result<Printed> {
    let mut out = stdout().lock();
    match out.write_all(line.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Printed::Unwanted),
        result => result.map(|()| Printed::Whole),
    }
}

/// One JSON object on one line, with its fields in their order.
///
/// # Errors
/// When a value cannot be put into JSON; none is known that could not.
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
    fn a_reader_that_left_is_no_error_and_a_full_disk_is() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        assert!(write(&mut writer, "text").is_ok());
        assert!(write(&mut [0_u8; 2].as_mut_slice(), "text").is_err());
    }
}
