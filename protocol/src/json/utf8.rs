//! UTF-8 checked across chunks (RFC 3629, 4).

/// What the next byte has to be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Utf8 {
    /// Continuation bytes still to come.
    left: u8,
    /// Bounds of the next continuation byte, when they are narrower than usual.
    bounds: Option<(u8, u8)>,
}

impl Utf8 {
    /// Whether no character is open.
    pub(super) fn complete(self) -> bool {
        self.left == 0
    }

    /// Takes further bytes; `false` if they are not UTF-8.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> bool {
        while let (1.., Some((first, rest))) = (self.left, bytes.split_first()) {
            if !self.step(*first) {
                return false;
            }
            bytes = rest;
        }
        // What the last character of the chunk may lack comes with the next.
        let rest = match std::str::from_utf8(bytes) {
            Ok(_) => &[],
            Err(error) if error.error_len().is_some() => return false,
            Err(error) => bytes.get(error.valid_up_to()..).unwrap_or_default(),
        };
        rest.iter().all(|b| self.step(*b))
    }

    fn step(&mut self, byte: u8) -> bool {
        if self.left > 0 {
            let (low, high) = self.bounds.take().unwrap_or((0x80, 0xBF));
            self.left -= 1;
            return (low..=high).contains(&byte);
        }
        let (left, bounds) = match byte {
            0x00..=0x7F => (0, None),
            0xC2..=0xDF => (1, None),
            0xE0 => (2, Some((0xA0, 0xBF))),
            0xED => (2, Some((0x80, 0x9F))),
            0xE1..=0xEF => (2, None),
            0xF0 => (3, Some((0x90, 0xBF))),
            0xF4 => (3, Some((0x80, 0x8F))),
            0xF1..=0xF3 => (3, None),
            _ => return false,
        };
        (self.left, self.bounds) = (left, bounds);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(bytes in proptest::collection::vec(any::<u8>(), 0..12), cut in 0usize..12) {
            let mut utf8 = Utf8::default();
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            let ok = utf8.push(a) && utf8.push(b) && utf8.complete();
            prop_assert_eq!(ok, std::str::from_utf8(&bytes).is_ok());
        }
    }
}
