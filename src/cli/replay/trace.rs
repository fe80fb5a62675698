//! A recorded trace: one `seconds,bytes` per line, in order of time. Read line by line, since a trace may be long.

use std::io::{self, BufRead};
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Boottime, Bytes};

/// Maximum bytes of a line.
const MAX_LINE_BYTES: u64 = 4096;

/// Maximum time of a sample: a hundred years.
const MAX_SECONDS: f64 = 100.0 * 365.0 * 24.0 * 3600.0;

/// Maximum amount of a sample: 1 EiB, more than any machine has.
const MAX_BYTES: f64 = 1_152_921_504_606_846_976.0;

/// Why a trace cannot be replayed. Every message names the file, and the line if there is one.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// It cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An invalid line.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The problem, and the expected format.
        problem: String,
    },
    /// A trace without samples.
    #[error("{}: no data rows; expected the header `seconds,bytes` and one sample per line, such as `10,1048576`", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// A sample of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The time as it was written, for the output.
    pub seconds: f64,
    /// The time for the policy.
    pub at: Boottime,
    /// The amount.
    pub bytes: Bytes,
}

/// Reads samples one by one.
pub struct Trace<R> {
    path: PathBuf,
    reader: R,
    line: usize,
    /// The header was read.
    has_header: bool,
    /// Time and line of the last sample.
    last: Option<(f64, usize)>,
    buffer: Vec<u8>,
}

impl<R: BufRead> Trace<R> {
    /// Messages name the trace `path`.
    pub fn new(path: PathBuf, reader: R) -> Self {
        Self { path, reader, line: 0, has_header: false, last: None, buffer: Vec::new() }
    }

    /// The next sample; `None` at the end.
    ///
    /// # Errors
    /// [`TraceError`], with the line.
    pub fn next_sample(&mut self) -> Result<Option<Sample>, TraceError> {
        loop {
            let Some(text) = self.next_line()? else {
                let path = self.path.clone();
                return self.last.map(|_| None).ok_or(TraceError::Empty { path });
            };
            let text = text.trim();
            // Empty lines are ignored; a header is accepted on the first line only.
            if text.is_empty() {
                continue;
            }
            if self.last.is_none() && !self.has_header && is_header(text) {
                self.has_header = true;
                continue;
            }
            let sample = sample(text).map_err(|problem| self.invalid(problem))?;
            if let Some((before, line)) = self.last.filter(|(before, _)| sample.seconds < *before) {
                return Err(self.invalid(format!(
                    "{} s comes after {before} s of line {line}; sort the trace by time",
                    sample.seconds
                )));
            }
            self.last = Some((sample.seconds, self.line));
            return Ok(Some(sample));
        }
    }

    fn next_line(&mut self) -> Result<Option<String>, TraceError> {
        self.buffer.clear();
        let mut limited = io::Read::take(&mut self.reader, MAX_LINE_BYTES);
        let count = limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| TraceError::Read { path: self.path.clone(), source })?;
        if count == 0 {
            return Ok(None);
        }
        self.line += 1;
        if count as u64 == MAX_LINE_BYTES && self.buffer.last() != Some(&b'\n') {
            return Err(self.invalid(format!("the line is longer than {MAX_LINE_BYTES} bytes")));
        }
        let text =
            self.buffer.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.line == 1).unwrap_or(&self.buffer);
        let text = std::str::from_utf8(text).map(str::to_owned);
        text.map(Some).map_err(|_| self.invalid("the line is not UTF-8".to_owned()))
    }

    fn invalid(&self, problem: String) -> TraceError {
        TraceError::Line { path: self.path.clone(), line: self.line, problem }
    }
}

/// Whether a line is a header: none of its cells is a number.
fn is_header(text: &str) -> bool {
    text.split(',').all(|cell| {
        let cell = cell.trim();
        !cell.is_empty()
            && cell.parse::<f64>().is_err()
            && cell.chars().next().is_some_and(char::is_alphabetic)
    })
}

fn sample(text: &str) -> Result<Sample, String> {
    let quoted = || format!("{:?}", text.chars().take(60).collect::<String>());
    let Some((seconds, bytes)) = text.split_once(',').filter(|(_, bytes)| !bytes.contains(',')) else {
        return Err(format!("invalid sample {}; expected seconds and bytes, such as `10,1048576`", quoted()));
    };
    let number = |cell: &str, unit: &str, max: f64, max_text: &str| {
        let cell = cell.trim();
        let invalid = || format!("invalid number of {unit} {cell:?}; expected 0 to {max_text}");
        let number: f64 = cell.parse().map_err(|_| invalid())?;
        // Neither NaN nor negative.
        if (0.0..=max).contains(&number) { Ok(number) } else { Err(invalid()) }
    };
    let seconds = number(seconds, "seconds", MAX_SECONDS, "100 years")?;
    let bytes = number(bytes, "bytes", MAX_BYTES, "1 EiB")?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let bytes = Bytes::new(bytes.round() as u64);
    Ok(Sample { seconds, at: Boottime::new(Duration::from_secs_f64(seconds)), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<(f64, u64)>, String> {
        let mut trace = Trace::new("t.csv".into(), text);
        let mut samples = Vec::new();
        loop {
            match trace.next_sample() {
                Ok(Some(sample)) => samples.push((sample.seconds, sample.bytes.get())),
                Ok(None) => return Ok(samples),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn common_variants_are_read() {
        let plain = Ok(vec![(0.0, 1), (10.5, 2)]);
        assert_eq!(read(b"seconds,bytes\n0,1\n10.5,2\n"), plain);
        assert_eq!(
            read(b"\xef\xbb\xbfseconds,bytes\r\n0,1\r\n\r\n10.5,2"),
            plain,
            "CRLF, a byte order mark, no last newline"
        );
        assert_eq!(read(b"0,1\n10.5,2\n"), plain, "no header");
        assert_eq!(read(b"time, rss\n 0 , 1.4 \n1.05e1,2\n"), plain);
        assert_eq!(read(b"5,1\n5,2\n"), Ok(vec![(5.0, 1), (5.0, 2)]), "equal times");
    }

    #[test]
    fn an_invalid_line_is_reported_with_its_number() {
        let long = [b"0,1\n".as_slice(), &b"7".repeat(10_000)].concat();
        let cases: [&[u8]; 14] = [
            b"",
            b"seconds,bytes\n",
            b"seconds,bytes\nseconds,bytes\n0,1\n",
            b"0,1\nseconds,bytes\n",
            b"0,1\n5,nan\n",
            b"0,1\ninf,1\n",
            b"0,-1\n",
            b"-1,1\n",
            b"0,1e30\n",
            b"0,1\n9,1\n8,1\n",
            b"0;1\n",
            b"0,1,2\n",
            b"0,1\n\xff\xfe,1\n",
            &long,
        ];
        let results: Vec<String> = cases
            .iter()
            .map(|case| read(case).map_or_else(|e| e, |samples| format!("read: {samples:?}")))
            .collect();
        insta::assert_snapshot!(results.join("\n"));
    }

    proptest::proptest! {
        #[test]
        fn garbage_does_not_panic(text: Vec<u8>, lines in "([0-9.,e+-]{0,20}\r?\n){0,5}") {
            let _ = (read(&text), read(lines.as_bytes()));
        }
    }
}
