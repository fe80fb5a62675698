//! Files of lines like `MemTotal:   16384 kB`.

/// Each key with the number that follows it; lines without either are passed over.
pub(crate) fn numbers(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    text.split(|&b| b == b'\n').filter_map(|line| {
        let colon = line.iter().position(|&b| b == b':')?;
        let digits = line[colon + 1..].trim_ascii_start().split(|b| !b.is_ascii_digit()).next()?;
        Some((&line[..colon], std::str::from_utf8(digits).ok()?.parse().ok()?))
    })
}
