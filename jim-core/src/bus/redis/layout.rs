//! Which server answers for which key or channel.

use std::collections::BTreeSet;

use super::target::Address;

/// Slots of a cluster; a single server has them all.
pub(super) const SLOTS: u16 = 16384;

/// The masters and their slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// First and last slot of a range, and who has it; ascending.
    ranges: Vec<(u16, u16, Address)>,
}

impl Layout {
    /// One server for everything.
    pub(super) fn one(address: Address) -> Layout {
        Layout { ranges: vec![(0, SLOTS - 1, address)] }
    }

    /// What a cluster says of itself.
    pub(super) fn of(mut ranges: Vec<(u16, u16, Address)>) -> Layout {
        ranges.sort_unstable();
        Layout { ranges }
    }

    /// Who answers for a slot; `None` while nobody does.
    pub(super) fn owner(&self, slot: u16) -> Option<&Address> {
        let place = self.ranges.partition_point(|(_, last, _)| *last < slot);
        self.ranges.get(place).filter(|(first, ..)| *first <= slot).map(|(.., address)| address)
    }

    /// Everybody who answers for something.
    pub(super) fn owners(&self) -> BTreeSet<&Address> {
        self.ranges.iter().map(|(.., address)| address).collect()
    }

    /// Whether every slot has somebody.
    pub(super) fn is_whole(&self) -> bool {
        let count: u32 = self.ranges.iter().map(|(first, last, _)| u32::from(last - first) + 1).sum();
        count == u32::from(SLOTS)
    }
}

/// The slot of a key or channel: CRC16 (XMODEM) of it, or of what stands in its first non-empty braces.
pub(crate) fn slot(name: &str) -> u16 {
    let tagged = name.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tagged.filter(|tag| !tag.is_empty()).unwrap_or(name);
    let crc = hashed.bytes().fold(0u16, |crc, byte| {
        (0..8)
            .fold(crc ^ (u16::from(byte) << 8), |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 })
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_that_redis_counts() {
        // As `CLUSTER KEYSLOT` answers.
        for (name, expected) in [
            ("123456789", 12739),
            ("foo", 12182),
            ("{foo}bar", 12182),
            ("a{foo}b{bar}", 12182),
            ("foo{}{bar}", 8363),
            ("", 0),
        ] {
            assert_eq!(slot(name), expected, "{name}");
        }
    }

    #[test]
    fn a_slot_without_a_server_has_no_owner() {
        let at = |port| Address { host: "h".into(), port };
        let layout = Layout::of(vec![(100, SLOTS - 1, at(2)), (0, 50, at(1))]);
        let owners: Vec<_> = [0, 50, 51, 99, 100, SLOTS - 1].map(|slot| layout.owner(slot).map(|a| a.port)).into();
        assert_eq!(owners, [Some(1), Some(1), None, None, Some(2), Some(2)]);
        assert!(!layout.is_whole() && Layout::one(at(1)).is_whole());
    }
}
