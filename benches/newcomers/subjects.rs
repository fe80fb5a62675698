//! Processes to sample: one with a lot of memory, one with many threads. They exit when their standard input closes.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use rustix::mm::{Advice, madvise};

const PAGE: usize = 4096;

/// `hold MIB huge|small`: allocates and touches that amount of memory, in huge or small pages.
pub(crate) fn hold(args: &[String]) {
    let mut memory = vec![0u8; args[0].parse::<usize>().unwrap() << 20];
    let advice = if args[1] == "huge" { Advice::LinuxHugepage } else { Advice::LinuxNoHugepage };
    let skip = memory.as_ptr().align_offset(PAGE);
    let whole = &mut memory[skip..];
    #[allow(unsafe_code, reason = "rustix has no safe madvise, and only it chooses the pages of one process")]
    // SAFETY: the range is whole pages of our own vector, and the advice does not change their contents.
    // An error means a kernel without huge pages.
    let _ = unsafe { madvise(whole.as_mut_ptr().cast(), whole.len() / PAGE * PAGE, advice) };
    whole.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
    std::hint::black_box(&memory);
    stay();
}

/// `threads`: 12 threads, as many as a node has.
pub(crate) fn threads() {
    for _ in 1..12 {
        std::thread::spawn(std::thread::park);
    }
    stay();
}

fn stay() {
    println!("ready");
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]);
}

/// Starts this program in one of these roles, and waits until it is ready.
pub(crate) fn start(args: &[&str]) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    child
}
