//! A file of `/proc` that is read again and again: kept open, so that a read is one system call or two, formats no path
//! and allocates nothing.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, PROC_SUPER_MAGIC, fstatfs, openat};
use rustix::io::{Errno, pread};

/// One file, by its path.
#[derive(Debug)]
pub(crate) struct ProcFile {
    path: PathBuf,
    /// `None` where the file is not the kernel's own: it may be replaced by another one under the same name, as lxcfs
    /// does it when it starts anew, so each read opens it.
    file: Option<OwnedFd>,
}

impl ProcFile {
    /// The file at `path`, whether or not it is there now.
    pub(crate) fn of(path: PathBuf) -> Self {
        let file = open(&path).ok().filter(is_of_procfs);
        Self { path, file }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads from its start into `buffer`, until its end or `enough` says so.
    pub(crate) fn read(&self, buffer: &mut [u8], enough: impl Fn(&[u8]) -> bool) -> Result<usize, Errno> {
        match &self.file {
            Some(file) => fill(file, buffer, enough),
            None => fill(&open(&self.path)?, buffer, enough),
        }
    }
}

/// Opens one to be read.
pub(crate) fn open(path: &Path) -> Result<OwnedFd, Errno> {
    openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Whether it is the kernel's own file, and not one of a copied tree or of a file system mounted over it.
pub(crate) fn is_of_procfs(file: &OwnedFd) -> bool {
    fstatfs(file).is_ok_and(|about| about.f_type == PROC_SUPER_MAGIC)
}

/// Reads `file` from its start. The kernel hands out a file of many lines by the page (`seq_read_iter` of
/// `fs/seq_file.c`), so one read may not be all; behind the end of what it has just told it does not count anew.
pub(crate) fn fill(
    file: &OwnedFd,
    buffer: &mut [u8],
    enough: impl Fn(&[u8]) -> bool,
) -> Result<usize, Errno> {
    let mut len = 0;
    while len < buffer.len() {
        match pread(file, &mut buffer[len..], len as u64) {
            Ok(0) => break,
            Ok(n) => {
                len += n;
                if enough(&buffer[..len]) {
                    break;
                }
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(len)
}

/// For [`ProcFile::read`] and [`fill`]: all of it.
pub(crate) fn never(_: &[u8]) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_of_the_kernel_is_kept_open_and_read_from_its_start_each_time() {
        let kept = ProcFile::of(PathBuf::from("/proc/self/stat"));
        let mut buffer = [0; 4096];
        for _ in 0..2 {
            let len = kept.read(&mut buffer, never).unwrap();
            assert!(buffer[..len].starts_with(std::process::id().to_string().as_bytes()));
        }
        assert!(kept.file.is_some());
    }

    #[test]
    fn a_file_of_another_tree_may_be_replaced() {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().join("x");
        let kept = ProcFile::of(path.clone());
        let mut buffer = [0; 8];
        assert_eq!(kept.read(&mut buffer, never), Err(Errno::NOENT), "not there yet");
        fs::write(&path, "one").unwrap();
        assert_eq!(kept.read(&mut buffer, never), Ok(3));
        fs::write(path.with_extension("new"), "other").unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        assert_eq!((kept.read(&mut buffer, never), &buffer[..5]), (Ok(5), &b"other"[..]));
        fs::write(&path, "longer than the buffer").unwrap();
        assert_eq!(kept.read(&mut buffer, never), Ok(8));
    }
}
