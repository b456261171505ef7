//! JSON strings as bytes: with quotes and escapes (*raw*), and decoded.

use std::borrow::Cow;

/// Decodes a raw JSON string, quotes included. `None` if it is no string or holds a lone surrogate.
pub fn unquote(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    decode(inner)
}

/// Decodes the inside of a raw JSON string. `None` on a broken escape, a lone surrogate or bytes that are not UTF-8.
pub(super) fn decode(inner: &[u8]) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    let text = std::str::from_utf8(inner).ok()?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((unit, len)) = next_char(rest) {
        out.push(unit?);
        rest = rest.get(len..)?;
    }
    Some(Cow::Owned(out))
}

/// How many bytes at the beginning of the inside of a string need no second look: ASCII without control characters, and
/// whole escapes of one byte, which code and JSON in strings are full of. What follows is the string's end, a longer escape, a
/// character beyond ASCII, a mistake, or what further bytes have to tell.
pub(super) fn plain(text: &[u8]) -> usize {
    let is_escape = |at: usize| {
        matches!(text.get(at..at + 2), Some([b'\\', b'"' | b'\\' | b'/' | b'n' | b't' | b'r' | b'b' | b'f']))
    };
    let (blocks, rest) = text.as_chunks();
    // The second byte of an escape that began in the block before.
    let mut open = 0;
    for (n, block) in blocks.iter().enumerate() {
        let mut found = specials(block) & !open;
        open = 0;
        while found != 0 {
            let first = found.trailing_zeros() as usize;
            let at = n * BLOCK + first;
            if !is_escape(at) {
                return at;
            }
            found &= !(0b11 << first);
            open = u32::from(first + 1 == BLOCK);
        }
    }
    let mut at = text.len() - rest.len() + open as usize;
    while let Some(byte) = text.get(at) {
        match byte {
            _ if is_escape(at) => at += 2,
            b'"' | b'\\' | ..b' ' | 0x80.. => break,
            _ => at += 1,
        }
    }
    at
}

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// One bit, the lowest for the first byte, for each that is no ASCII character, or a quote, a backslash or a control character.
#[cfg(target_feature = "simd128")]
fn specials(block: &[u8; BLOCK]) -> u32 {
    use std::arch::wasm32::{i8x16_bitmask, i8x16_lt, i8x16_splat, u8x16_eq, u8x16_splat, u64x2, v128_or};
    let number = u128::from_le_bytes(*block);
    let bytes = u64x2(number as u64, (number >> 64) as u64);
    let is = |byte: u8| u8x16_eq(bytes, u8x16_splat(byte));
    // Signed, control characters and bytes above ASCII are below the space.
    let control = i8x16_lt(bytes, i8x16_splat(0x20));
    u32::from(i8x16_bitmask(v128_or(control, v128_or(is(b'"'), is(b'\\')))))
}

/// One bit, the lowest for the first byte, for each that is no ASCII character, or a quote, a backslash or a control character.
#[cfg(not(target_feature = "simd128"))]
fn specials(block: &[u8; BLOCK]) -> u32 {
    let special = |b: u8| (b.cast_signed() < 0x20) | (b == b'"') | (b == b'\\');
    block.iter().rev().fold(0, |bits, b| bits << 1 | u32::from(special(*b)))
}

/// The first character of the inside of a raw string, decoded, and how many raw bytes it takes.
/// The character is `None` where the escape is broken or a surrogate stands alone.
fn next_char(text: &str) -> Option<(Option<char>, usize)> {
    let first = text.chars().next()?;
    if first != '\\' {
        return Some((Some(first), first.len_utf8()));
    }
    let simple = |c| Some((Some(c), 2));
    match text.as_bytes().get(1) {
        Some(b'"') => simple('"'),
        Some(b'\\') => simple('\\'),
        Some(b'/') => simple('/'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'n') => simple('\n'),
        Some(b'r') => simple('\r'),
        Some(b't') => simple('\t'),
        Some(b'u') => {
            let Some(high) = hex4(text.get(2..6)) else { return Some((None, 2)) };
            if let Some(c) = char::from_u32(high) {
                return Some((Some(c), 6));
            }
            let low = text.get(6..8).filter(|u| *u == "\\u").and_then(|_| hex4(text.get(8..12)));
            match low {
                Some(low) if (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low) => {
                    let c = char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
                    Some((c, 12))
                }
                _ => Some((None, 6)),
            }
        }
        _ => Some((None, 1)),
    }
}

fn hex4(digits: Option<&str>) -> Option<u32> {
    let digits = digits?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// Where, in the raw string (quotes included), the byte `decoded` of its decoded text begins.
///
/// `None` if the text is shorter, the offset is inside a character, or the string cannot be decoded up to there.
pub fn raw_offset(raw: &[u8], decoded: usize) -> Option<usize> {
    let inner = raw.strip_prefix(b"\"")?;
    // A capture may have been cut inside a character; what stands before the cut is enough.
    let text = match std::str::from_utf8(inner) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(inner.get(..e.valid_up_to())?).ok()?,
    };
    let (mut at, mut seen) = (0, 0);
    while seen < decoded {
        let (c, len) = next_char(text.get(at..)?)?;
        seen += c?.len_utf8();
        at += len;
    }
    (seen == decoded).then_some(at + 1)
}

/// Writes `text` as a JSON string, quotes included.
pub fn quote(text: &str) -> String {
    // Serialising a `str` cannot fail.
    serde_json::to_string(text).unwrap_or_default()
}

/// JSON without the white space between its tokens.
pub fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        if !quoted && matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn decodes_escapes_and_pairs() {
        assert_eq!(unquote(br#""\u0068ttp_x""#).as_deref(), Some("http_x"));
        assert_eq!(unquote(br#""\ud83d\ude00\/""#).as_deref(), Some("\u{1f600}/"));
        assert_eq!(unquote(br#""\ud83d""#), None);
        assert_eq!(unquote(br#""\ude00\ud83d""#), None);
        assert_eq!(unquote(br#""a\qb""#), None);
        assert_eq!(unquote(b"\"plain\"").as_deref(), Some("plain"));
        assert_eq!(unquote(b"12"), None);
    }

    #[test]
    fn only_white_space_between_tokens_goes() {
        let json = "{ \"a b\" :\t[1.0 ,\n\"c \\\\\" , \"\\\" d\"] }";
        assert_eq!(compact(json), "{\"a b\":[1.0,\"c \\\\\",\"\\\" d\"]}");
    }

    #[test]
    fn finds_the_raw_place_of_a_decoded_offset() {
        let raw = br#""\u0068ttp_x""#;
        assert_eq!(raw_offset(raw, 0), Some(1));
        assert_eq!(raw_offset(raw, 1), Some(7));
        assert_eq!(raw_offset(raw, 5), Some(11));
        assert_eq!(raw_offset(b"\"ab\"", 9), None);
        assert_eq!(raw_offset("\"é\"".as_bytes(), 1), None);
    }

    /// The same, byte by byte.
    fn plainly(text: &[u8]) -> usize {
        let mut at = 0;
        loop {
            match text.get(at..).unwrap_or_default() {
                [b'\\', b'"' | b'\\' | b'/' | b'n' | b't' | b'r' | b'b' | b'f', ..] => at += 2,
                [b' '..=b'!' | b'#'..=b'[' | b']'..=0x7f, ..] => at += 1,
                _ => return at,
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_tell_the_same_as_bytes(text in "([ -~]{0,20}(\\\\[\"\\\\nu])?){0,6}[\"\\\\é\n]?[ -~\\\\]{0,20}") {
            prop_assert_eq!(plain(text.as_bytes()), plainly(text.as_bytes()));
        }
    }

    #[test]
    fn an_escape_may_stand_across_blocks() {
        for before in 0..40 {
            for (text, plain_bytes) in
                [("\\n", 2), ("\\\\", 2), ("\\u0041", 0), ("\\", 0), ("\"", 0), ("\u{7f}", 1), ("é", 0)]
            {
                let all = [&"a".repeat(before), text].concat();
                assert_eq!(plain(all.as_bytes()), before + plain_bytes, "{all}");
                let more = [all.as_str(), &"z".repeat(40)].concat();
                let rest = if plain_bytes == text.len() { 40 } else { 0 };
                assert_eq!(plain(more.as_bytes()), before + plain_bytes + rest, "{more}");
            }
        }
    }
}
