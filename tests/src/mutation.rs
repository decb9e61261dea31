//! Files that are a little wrong: seeded mutations of good ones.

use rand::{Rng, RngExt};

/// What readers of numbers, texts and lists stumble over.
const TOKENS: [&str; 34] = [
    "0",
    "-1",
    "1e308",
    "-1e308",
    "1e400",
    "NaN",
    "Infinity",
    "null",
    "true",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "4294967295",
    "4294967296",
    "2147483648",
    "65536",
    "0.0000000001",
    "\u{feff}",
    "\0",
    "\t",
    "\"",
    "\\u0000",
    "\\ud800",
    "\r\n",
    "|",
    ",",
    "\u{1b}[2J",
    "\u{202e}",
];

/// The file with one to four changes; parts of another may get into it.
pub fn mutate(bytes: &[u8], other: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..=4_usize) {
        change(&mut bytes, other, rng);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], rng: &mut impl Rng) {
    let part = range(bytes.len(), rng);
    match rng.random_range(0..12_u32) {
        0 => on_one(bytes, rng, |byte, rng| {
            byte ^ (1 << rng.random_range(0..8_u32))
        }),
        1 => on_one(bytes, rng, |_, rng| rng.random()),
        2 => on_one(bytes, rng, |_, rng| {
            [0, 0x7f, 0x80, 0xff][rng.random_range(0..4_usize)]
        }),
        3 => bytes.truncate(part.start),
        4 => drop(bytes.drain(part)),
        5 => {
            let copy = bytes[part.clone()].to_vec();
            insert(bytes, part.end, &copy);
        }
        6 => {
            let copy = &other[range(other.len(), rng)];
            insert(bytes, part.start, copy);
        }
        7 => {
            let copy = other[range(other.len(), rng)].to_vec();
            bytes.splice(part, copy);
        }
        8 => insert(bytes, part.start, token(rng)),
        9 => nest(bytes, rng),
        _ => replace_value(bytes, rng),
    }
}

/// A part of so many bytes, mostly short.
fn range(length: usize, rng: &mut impl Rng) -> std::ops::Range<usize> {
    let start = rng.random_range(0..=length);
    let longest = match rng.random_range(0..4_u32) {
        0 => length - start,
        _ => 16.min(length - start),
    };
    start..start + rng.random_range(0..=longest)
}

fn on_one<R: Rng>(bytes: &mut [u8], rng: &mut R, change: impl Fn(u8, &mut R) -> u8) {
    if !bytes.is_empty() {
        let place = rng.random_range(0..bytes.len());
        bytes[place] = change(bytes[place], rng);
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    bytes.splice(at..at, new.iter().copied());
}

fn token(rng: &mut impl Rng) -> &'static [u8] {
    TOKENS[rng.random_range(0..TOKENS.len())].as_bytes()
}

/// Brackets in brackets, deeper than most readers go.
fn nest(bytes: &mut Vec<u8>, rng: &mut impl Rng) {
    let depth = [2, 100, 200, 5000][rng.random_range(0..4_usize)];
    let at = rng.random_range(0..=bytes.len());
    insert(bytes, at, &b"[".repeat(depth));
}

/// Another number in the place of one, or another value in that of a text.
fn replace_value(bytes: &mut Vec<u8>, rng: &mut impl Rng) {
    let is_value = |byte: &u8| byte.is_ascii_alphanumeric() || b".+-\"_".contains(byte);
    let places: Vec<usize> = (0..bytes.len())
        .filter(|&at| is_value(&bytes[at]))
        .collect();
    if places.is_empty() {
        return;
    }
    let at = places[rng.random_range(0..places.len())];
    let start = bytes[..at].iter().rposition(|byte| !is_value(byte));
    let end = bytes[at..].iter().position(|byte| !is_value(byte));
    let (start, end) = (
        start.map_or(0, |start| start + 1),
        end.map_or(bytes.len(), |end| at + end),
    );
    bytes.splice(start..end, token(rng).iter().copied());
}

/// The file with its chunks' checksums as they should be, if it is a PNG: else next to nothing of it
/// would be looked at.
pub fn mend_png(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while bytes.starts_with(b"\x89PNG") && at + 12 <= bytes.len() {
        let length = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let end = at + 8 + u32::from_be_bytes(length) as usize;
        if end + 4 > bytes.len() {
            break;
        }
        let sum = crc32(&bytes[at + 4..end]).to_be_bytes();
        bytes[end..end + 4].copy_from_slice(&sum);
        at = end + 4;
    }
    bytes
}

/// PNG's checksum, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn mutations_are_drawn_by_the_seed_and_change_something() {
        let drawn = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let files = (0..500).map(|_| mutate(b"{\"a\": 12, \"b\": [3]}", b"c", &mut rng));
            files.collect::<Vec<_>>()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let changed = drawn(1)
            .iter()
            .filter(|file| file[..] != b"{\"a\": 12, \"b\": [3]}"[..])
            .count();
        assert!(changed > 400, "{changed}");
        // None of them may fail on nothing.
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        (0..500).for_each(|_| drop(mutate(b"", b"", &mut rng)));
    }
}
