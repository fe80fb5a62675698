//! Files of lines such as `MemTotal:   16384 kB`.

/// Each key with the text behind its colon; lines without a colon are skipped.
pub(crate) fn pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&b| b == b'\n').filter_map(|line| {
        let colon = line.iter().position(|&b| b == b':')?;
        Some((&line[..colon], &line[colon + 1..]))
    })
}

/// Each key with the number that follows it; lines without either are skipped.
pub(crate) fn parse_colon_pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    pairs(text).filter_map(|(key, value)| Some((key, number(value)?)))
}

/// The number at the start of a value, whatever unit follows it.
pub(crate) fn number(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii_start().split(|b| !b.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
