//! Log-ins.

use std::net::{IpAddr, Ipv6Addr};

use super::{Broken, text};
use crate::id::{SessionId, UserId};
use crate::model::limits::Range;
use crate::time::Millis;

/// What a person calls the device that logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device(pub(crate) String);

impl Device {
    /// Parses a device name of 1 to 64 characters.
    pub fn parse(text: &str) -> Result<Self, Broken> {
        text::line(text, Range { min: 1, max: 64 }).map(Device)
    }
}

/// Where a call comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The peer's address, behind trusted proxies.
    pub ip: IpAddr,
    /// The name that the device gives itself.
    pub device: Option<Device>,
}

/// A log-in of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// What the device calls itself.
    pub device: Option<String>,
    /// Where it logged in from.
    pub ip: String,
    /// When it logged in.
    pub created_at: Millis,
    /// When it was last used, to the minute.
    pub seen_at: Millis,
}

/// What callers are counted under: one IPv4 address, or the /64 that one customer of IPv6 has.
#[must_use]
pub fn counted_as(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_counts_as_one() {
        for (address, counted) in
            [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
        {
            assert_eq!(counted_as(address.parse().unwrap()).to_string(), counted);
        }
    }
}
