//! Frames of a WebSocket that are counted and not read.

/// What some bytes held.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Text frames of any length.
    pub(crate) texts: u64,
    /// Those of them that are long enough to be a message; a heartbeat is not.
    pub(crate) messages: u64,
    /// Length of the last message.
    pub(crate) length: u64,
    pub(crate) ping: bool,
    pub(crate) close: bool,
}

/// Reads the heads of frames (RFC 6455, section 5.2) and skips the rest, however the bytes are cut.
#[derive(Default)]
pub(crate) struct Frames {
    head: [u8; 10],
    have: usize,
    payload: u64,
}

impl Frames {
    /// Reads on, and says what has begun.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        loop {
            let skip = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
            self.payload -= skip as u64;
            bytes = &bytes[skip..];
            let need = match (self.have, self.head[1]) {
                (0 | 1, _) => 2,
                (_, 126) => 4,
                (_, 127) => 10,
                _ => 2,
            };
            if self.have < need {
                let Some((first, rest)) = bytes.split_first() else { return seen };
                self.head[self.have] = *first;
                self.have += 1;
                bytes = rest;
            } else {
                self.begin(&mut seen);
            }
        }
    }

    fn begin(&mut self, seen: &mut Seen) {
        let [first, length, high, low, ..] = self.head;
        self.payload = match length {
            126 => u16::from_be_bytes([high, low]).into(),
            127 => self.head[2..].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            _ => length.into(),
        };
        self.have = 0;
        match first & 0x0F {
            0x1 => {
                seen.texts += 1;
                if length >= 126 {
                    seen.messages += 1;
                    seen.length = self.payload;
                }
            }
            0x8 => seen.close = true,
            0x9 => seen.ping = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let mut bytes = vec![0x81, 5];
        bytes.extend(b"hello");
        bytes.extend([0x81, 126, 1, 44]);
        bytes.extend([b'm'; 300]);
        bytes.extend([0x89, 0]);
        bytes.extend([0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        bytes.extend(vec![b'm'; 65_536]);
        for step in [1, 2, 3, 7, 100, 70_000] {
            let mut frames = Frames::default();
            let (mut texts, mut messages, mut pings, mut length) = (0, 0, 0, 0);
            for part in bytes.chunks(step) {
                let seen = frames.feed(part);
                texts += seen.texts;
                messages += seen.messages;
                pings += u64::from(seen.ping);
                length = if seen.messages > 0 { seen.length } else { length };
            }
            assert_eq!((texts, messages, pings, length), (3, 2, 1, 65_536), "{step}");
        }
        assert!(Frames::default().feed(&[0x88, 2, 3, 244]).close);
    }
}
