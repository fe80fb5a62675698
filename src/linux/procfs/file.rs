//! A file of `/proc` that is read again and again. It is kept open, so that a read takes one system call or two, formats
//! no path and allocates nothing.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, PROC_SUPER_MAGIC, fstatfs, openat};
use rustix::io::{Errno, pread};

/// One file, by its path.
#[derive(Debug)]
pub(crate) struct ProcFile {
    path: PathBuf,
    /// `None` if the file is not the kernel's own: it may be replaced under the same name, as lxcfs does when it
    /// restarts, so each read opens it.
    file: Option<OwnedFd>,
}

impl ProcFile {
    /// The file at `path`, which need not exist yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        let file = open(&path).ok().filter(is_on_procfs);
        Self { path, file }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is the kernel's own file, and not one of a copied tree or of a file system mounted over it.
    pub(crate) fn is_of_the_kernel(&self) -> bool {
        self.file.is_some()
    }

    /// Reads from its start into `buffer`, to its end or until `is_complete`.
    pub(crate) fn read(
        &self,
        buffer: &mut [u8],
        is_complete: impl Fn(&[u8]) -> bool,
    ) -> Result<usize, Errno> {
        match &self.file {
            Some(file) => read_from_start(file, buffer, is_complete),
            None => read_from_start(&open(&self.path)?, buffer, is_complete),
        }
    }
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> Result<OwnedFd, Errno> {
    openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Whether a file is the kernel's own.
pub(crate) fn is_on_procfs(file: &OwnedFd) -> bool {
    fstatfs(file).is_ok_and(|stat| stat.f_type == PROC_SUPER_MAGIC)
}

/// Reads `file` from its start. The kernel returns a file of many lines page by page (`seq_read_iter` of
/// `fs/seq_file.c`), so one read may not be all. A read that continues at the end of the last one does not make the kernel
/// generate the file again.
pub(crate) fn read_from_start(
    file: &OwnedFd,
    buffer: &mut [u8],
    is_complete: impl Fn(&[u8]) -> bool,
) -> Result<usize, Errno> {
    let mut len = 0;
    while len < buffer.len() {
        match pread(file, &mut buffer[len..], len as u64) {
            Ok(0) => break,
            Ok(n) => {
                len += n;
                if is_complete(&buffer[..len]) {
                    break;
                }
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(len)
}

/// For [`ProcFile::read`] and [`read_from_start`]: read to the end.
pub(crate) fn to_end(_: &[u8]) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_kernel_file_stays_open_between_reads() {
        let file = ProcFile::new(PathBuf::from("/proc/self/stat"));
        let mut buffer = [0; 4096];
        for _ in 0..2 {
            let len = file.read(&mut buffer, to_end).unwrap();
            assert!(buffer[..len].starts_with(std::process::id().to_string().as_bytes()));
        }
        assert!(file.is_of_the_kernel());
    }

    #[test]
    fn a_file_of_a_copied_tree_may_be_replaced() {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().join("x");
        let file = ProcFile::new(path.clone());
        let mut buffer = [0; 8];
        assert_eq!(file.read(&mut buffer, to_end), Err(Errno::NOENT), "not there yet");
        fs::write(&path, "one").unwrap();
        assert_eq!(file.read(&mut buffer, to_end), Ok(3));
        fs::write(path.with_extension("new"), "other").unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        assert_eq!((file.read(&mut buffer, to_end), &buffer[..5]), (Ok(5), &b"other"[..]));
        fs::write(&path, "longer than the buffer").unwrap();
        assert_eq!(file.read(&mut buffer, to_end), Ok(8));
    }
}
