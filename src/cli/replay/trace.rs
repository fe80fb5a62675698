//! A recorded trace: `seconds,bytes` a line, in order of time. It is read line by line, however long it is.

use std::io::{self, BufRead};
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Boottime, Bytes};

/// A line longer than this is none of a trace.
const LONGEST_LINE: u64 = 4096;

/// A hundred years: what is further is no time of a trace.
const LONGEST: f64 = 100.0 * 365.0 * 24.0 * 3600.0;

/// More than any machine has: 1 EiB.
const MOST: f64 = 1_152_921_504_606_846_976.0;

/// Why a trace cannot be replayed. Every message has the place.
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
    /// A line that is none of a trace.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// There is no sample in it.
    #[error("{}: there is no sample in it; a trace has the line `seconds,bytes` and then one line a sample, like `10,1048576`", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// A sample of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// As it was written, for what is printed.
    pub seconds: f64,
    /// The same.
    pub at: Boottime,
    /// The figure.
    pub bytes: Bytes,
}

/// Reads samples, one after the other.
pub struct Trace<R> {
    path: PathBuf,
    reader: R,
    line: usize,
    /// The heading was there.
    headed: bool,
    /// The last one's time, and where it stood.
    last: Option<(f64, usize)>,
    buffer: Vec<u8>,
}

impl<R: BufRead> Trace<R> {
    /// A trace that is called `path` in messages.
    pub fn new(path: PathBuf, reader: R) -> Self {
        Self { path, reader, line: 0, headed: false, last: None, buffer: Vec::new() }
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
            // An empty line is nobody's mistake; a heading is one line, and the first.
            if text.is_empty() {
                continue;
            }
            if self.last.is_none() && !self.headed && is_heading(text) {
                self.headed = true;
                continue;
            }
            let sample = sample(text).map_err(|problem| self.wrong(problem))?;
            if let Some((before, line)) = self.last.filter(|(before, _)| sample.seconds < *before) {
                return Err(self.wrong(format!(
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
        let mut limited = io::Read::take(&mut self.reader, LONGEST_LINE);
        let count = limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| TraceError::Read { path: self.path.clone(), source })?;
        if count == 0 {
            return Ok(None);
        }
        self.line += 1;
        if count as u64 == LONGEST_LINE && self.buffer.last() != Some(&b'\n') {
            return Err(self.wrong(format!("the line is longer than {LONGEST_LINE} bytes")));
        }
        let text =
            self.buffer.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.line == 1).unwrap_or(&self.buffer);
        let text = std::str::from_utf8(text).map(str::to_owned);
        text.map(Some).map_err(|_| self.wrong("the line is no UTF-8 text".to_owned()))
    }

    fn wrong(&self, problem: String) -> TraceError {
        TraceError::Line { path: self.path.clone(), line: self.line, problem }
    }
}

/// The heading that a trace should have, or any other one: no cell of it is a number.
fn is_heading(text: &str) -> bool {
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
        return Err(format!("{} is no sample; it takes seconds and bytes, like `10,1048576`", quoted()));
    };
    let number = |cell: &str, what: &str, most: f64| {
        let cell = cell.trim();
        let wrong = || format!("{cell:?} is no number of {what} from 0 to {most:e}");
        let number: f64 = cell.parse().map_err(|_| wrong())?;
        // Neither NaN nor negative.
        if (0.0..=most).contains(&number) { Ok(number) } else { Err(wrong()) }
    };
    let seconds = number(seconds, "seconds", LONGEST)?;
    let bytes = number(bytes, "bytes", MOST)?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within bounds, as was just seen"
    )]
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
    fn what_is_meant_is_read() {
        let plain = Ok(vec![(0.0, 1), (10.5, 2)]);
        assert_eq!(read(b"seconds,bytes\n0,1\n10.5,2\n"), plain);
        assert_eq!(
            read(b"\xef\xbb\xbfseconds,bytes\r\n0,1\r\n\r\n10.5,2"),
            plain,
            "CRLF, a mark, no last newline"
        );
        assert_eq!(read(b"0,1\n10.5,2\n"), plain, "no heading");
        assert_eq!(read(b"time, rss\n 0 , 1.4 \n1.05e1,2\n"), plain);
        assert_eq!(read(b"5,1\n5,2\n"), Ok(vec![(5.0, 1), (5.0, 2)]), "twice the same time");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
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
        let told: Vec<String> = cases
            .iter()
            .map(|case| read(case).map_or_else(|e| e, |samples| format!("read: {samples:?}")))
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_refused_not_fatal(text: Vec<u8>, lines in "([0-9.,e+-]{0,20}\r?\n){0,5}") {
            let _ = (read(&text), read(lines.as_bytes()));
        }
    }
}
