//! Throttles: how often a user or a source may do a thing. Counted in memory, per node.

use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use jim_core::id::UserId;
use jim_core::{Code, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::Rates;
use crate::source::counted_as;

/// So many calls in so much time, such as `30/1s`, `50/1h` or `60/min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    times: NonZeroU32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

impl Unit {
    const fn seconds(self) -> u64 {
        match self {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
        }
    }
}

impl Rate {
    /// The whole count at once, then one call each time its share has passed. `None` if that share is no time.
    fn quota(self) -> Option<Quota> {
        let time = Duration::from_secs(self.unit.seconds() * u64::from(self.times.get()));
        Quota::with_period(time / self.count.get()).map(|quota| quota.allow_burst(self.count))
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "wants a rate such as 30/1s, 60/1m or 20/1h";
        let (count, time) = text.split_once('/').ok_or(WANTED)?;
        let (times, unit) = time.split_at(time.find(|c: char| !c.is_ascii_digit()).ok_or(WANTED)?);
        let unit = match unit {
            "s" | "sec" => Unit::Second,
            "m" | "min" => Unit::Minute,
            "h" => Unit::Hour,
            _ => return Err(WANTED),
        };
        let times = if times.is_empty() { NonZeroU32::MIN } else { times.parse().map_err(|_| WANTED)? };
        let rate = Rate { count: count.parse().map_err(|_| WANTED)?, times, unit };
        rate.quota().map(|_| rate).ok_or(WANTED)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => 's',
            Unit::Minute => 'm',
            Unit::Hour => 'h',
        };
        write!(f, "{}/{}{unit}", self.count, self.times)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Counts one kind of call per key.
pub struct Throttle<K: Hash + Eq + Clone>(Option<DefaultKeyedRateLimiter<K>>);

impl<K: Hash + Eq + Clone> Throttle<K> {
    fn new(enabled: bool, rate: Rate) -> Self {
        Throttle(rate.quota().filter(|_| enabled).map(RateLimiter::keyed))
    }

    /// Takes one call of this key, or says when the next will be taken.
    fn take(&self, key: &K) -> Result<(), Error> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        limiter.check_key(key).map_err(|until| {
            let retry_after = until.wait_time_from(DefaultClock::default().now());
            Error::Limited { code: Code::RateLimited, retry_after }
        })
    }

    fn prune(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

impl Throttle<UserId> {
    /// Takes one call of this user, or `rate.limited`.
    pub fn check(&self, user: UserId) -> Result<(), Error> {
        self.take(&user)
    }
}

impl Throttle<IpAddr> {
    /// Takes one call from this source, or `rate.limited`.
    pub fn check(&self, source: IpAddr) -> Result<(), Error> {
        self.take(&counted_as(source))
    }
}

macro_rules! throttles {
    ($($(#[$doc:meta])* $name:ident: $key:ty,)+) => {
        /// The throttles of `[rate]`.
        pub struct Throttles { $($(#[$doc])* pub $name: Throttle<$key>,)+ }

        impl Throttles {
            /// Throttles that have counted nothing yet.
            #[must_use]
            pub fn new(rates: &Rates) -> Self {
                Throttles { $($name: Throttle::new(rates.enabled, rates.$name),)+ }
            }

            /// Forgets keys that have their whole count again. To be called now and then, else memory grows with
            /// every address that ever called.
            pub fn prune(&self) {
                $(self.$name.prune();)+
            }
        }
    };
}

throttles! {
    /// Messages sent.
    send: UserId,
    /// Friend requests.
    friend_request: UserId,
    /// Calls that bring people into groups.
    group_invite: UserId,
    /// Searches for people.
    search: UserId,
    /// Socket tickets.
    ticket: UserId,
    /// Registrations.
    register: IpAddr,
    /// Log-ins.
    login: IpAddr,
    /// Captchas.
    captcha: IpAddr,
    /// Recoveries.
    recovery: IpAddr,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_one_meaning() {
        for (text, shown) in [("30/1s", "30/1s"), ("60/min", "60/1m"), ("50/h", "50/1h"), ("5/2s", "5/2s")] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), shown);
        }
        for text in ["", "/", "30", "0/1s", "30/0s", "30/1", "30/1d", "-1/1s", "30/s1", "3 /1s", "4294967296/1s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_burst_passes_and_the_next_call_is_told_when() {
        let throttle: Throttle<UserId> = Throttle::new(true, "2/1h".parse().unwrap());
        throttle.check(UserId(1)).unwrap();
        throttle.check(UserId(1)).unwrap();
        let Err(Error::Limited { retry_after, .. }) = throttle.check(UserId(1)) else { panic!("not limited") };
        assert!((1700..=1800).contains(&retry_after.as_secs()), "{retry_after:?}");
        throttle.check(UserId(2)).unwrap();
        throttle.prune();
        assert!(throttle.check(UserId(1)).is_err());
    }

    #[test]
    fn switched_off_nothing_is_counted() {
        let throttle: Throttle<IpAddr> = Throttle::new(false, "1/1h".parse().unwrap());
        for _ in 0..10 {
            throttle.check(IpAddr::from([127, 0, 0, 1])).unwrap();
        }
    }
}
