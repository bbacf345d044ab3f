//! Throttles: how often a user or a source may do a thing. Counted in memory, and where nodes share counters, there too.

use std::fmt::{self, Display};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use jim_core::id::UserId;
use jim_core::model::session::counted_as;
use jim_core::repo::{self, CounterRepo, Taken};
use jim_core::{Code, Error};
use moka::sync::Cache;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use tokio::time::Instant;

use crate::config::Rates;

/// Keys that are known to have to wait.
const WAITING: u64 = 100_000;

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
    fn time(self) -> Duration {
        Duration::from_secs(self.unit.seconds() * u64::from(self.times.get()))
    }

    /// As nodes share it.
    fn shared(self) -> repo::Rate {
        repo::Rate { count: self.count, per: self.time() }
    }

    /// The whole count at once, then one call each time its share has passed. `None` if that share is no time.
    fn quota(self) -> Option<Quota> {
        Quota::with_period(self.time() / self.count.get()).map(|quota| quota.allow_burst(self.count))
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
pub struct Throttle<K: Hash + Eq + Clone> {
    local: Option<DefaultKeyedRateLimiter<K>>,
    shared: Option<Shared<K>>,
}

/// Counters that nodes share.
struct Shared<K> {
    counters: Arc<dyn CounterRepo>,
    name: &'static str,
    rate: repo::Rate,
    /// Who has used up what he has with all nodes together, and until when.
    waits: Cache<K, Instant>,
}

impl<K: Hash + Eq + Clone> Clone for Shared<K> {
    fn clone(&self) -> Self {
        Shared { counters: self.counters.clone(), name: self.name, rate: self.rate, waits: self.waits.clone() }
    }
}

impl<K: Hash + Eq + Clone + Display + Send + Sync + 'static> Shared<K> {
    /// How long this key has to wait. Counters that cannot be reached hinder nobody: this node counts by itself.
    async fn take(&self, key: &K) -> Option<Duration> {
        match self.counters.take(&format!("{}:{key}", self.name), self.rate).await {
            Ok(Taken::Wait(wait)) => Some(wait),
            _ => None,
        }
    }

    /// The same by what was found when this key was last counted; counts it now, for the next time.
    fn take_later(&self, key: &K) -> Option<Duration> {
        let now = Instant::now();
        if let Some(until) = self.waits.get(key).filter(|until| *until > now) {
            return Some(until - now);
        }
        let (shared, key) = (self.clone(), key.clone());
        tokio::spawn(async move {
            if let Some(wait) = shared.take(&key).await {
                shared.waits.insert(key, Instant::now() + wait);
            }
        });
        None
    }
}

fn limited(retry_after: Duration) -> Error {
    Error::Limited { code: Code::RateLimited, retry_after }
}

impl<K: Hash + Eq + Clone + Display + Send + Sync + 'static> Throttle<K> {
    fn new(enabled: bool, rate: Rate, shared: Option<(&Arc<dyn CounterRepo>, &'static str)>) -> Self {
        let waits =
            Cache::builder().max_capacity(WAITING).time_to_live(rate.time().max(Duration::from_secs(1))).build();
        let shared = shared.filter(|_| enabled).map(|(counters, name)| Shared {
            counters: counters.clone(),
            name,
            rate: rate.shared(),
            waits,
        });
        Throttle { local: rate.quota().filter(|_| enabled).map(RateLimiter::keyed), shared }
    }

    /// Takes one call of this key, or says when the next will be taken.
    fn take(&self, key: &K) -> Result<(), Error> {
        let Some(limiter) = &self.local else { return Ok(()) };
        limiter.check_key(key).map_err(|until| limited(until.wait_time_from(DefaultClock::default().now())))
    }

    /// Takes one call, of what all nodes have together.
    async fn take_of_all(&self, key: &K) -> Result<(), Error> {
        self.take(key)?;
        let Some(shared) = &self.shared else { return Ok(()) };
        shared.take(key).await.map_or(Ok(()), |wait| Err(limited(wait)))
    }

    /// The same without waiting for the other nodes: what they have counted shows a call later.
    fn take_at_once(&self, key: &K) -> Result<(), Error> {
        self.take(key)?;
        let Some(shared) = &self.shared else { return Ok(()) };
        shared.take_later(key).map_or(Ok(()), |wait| Err(limited(wait)))
    }

    fn prune(&self) {
        if let Some(limiter) = &self.local {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

impl Throttle<UserId> {
    /// Takes one call of this user, or `rate.limited`.
    pub async fn check(&self, user: UserId) -> Result<(), Error> {
        self.take_of_all(&user).await
    }

    /// The same for what must not take longer than it does: counters of other nodes show a call later.
    pub fn check_at_once(&self, user: UserId) -> Result<(), Error> {
        self.take_at_once(&user)
    }
}

impl Throttle<IpAddr> {
    /// Takes one call from this source, or `rate.limited`.
    pub async fn check(&self, source: IpAddr) -> Result<(), Error> {
        self.take_of_all(&counted_as(source)).await
    }
}

macro_rules! throttles {
    ($($(#[$doc:meta])* $name:ident: $key:ty,)+) => {
        /// The throttles of `[rate]`.
        pub struct Throttles { $($(#[$doc])* pub $name: Throttle<$key>,)+ }

        impl Throttles {
            /// Throttles that have counted nothing yet; they share what they count if nodes have counters in common.
            #[must_use]
            pub fn new(rates: &Rates, counters: Option<&Arc<dyn CounterRepo>>) -> Self {
                Throttles {
                    $($name: Throttle::new(
                        rates.enabled,
                        rates.$name,
                        counters.map(|counters| (counters, stringify!($name))),
                    ),)+
                }
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

    #[tokio::test]
    async fn a_burst_passes_and_the_next_call_is_told_when() {
        let throttle: Throttle<UserId> = Throttle::new(true, "2/1h".parse().unwrap(), None);
        throttle.check(UserId(1)).await.unwrap();
        throttle.check(UserId(1)).await.unwrap();
        let Err(Error::Limited { retry_after, .. }) = throttle.check(UserId(1)).await else { panic!("not limited") };
        assert!((1700..=1800).contains(&retry_after.as_secs()), "{retry_after:?}");
        throttle.check(UserId(2)).await.unwrap();
        throttle.prune();
        assert!(throttle.check(UserId(1)).await.is_err());
    }

    #[tokio::test]
    async fn switched_off_nothing_is_counted() {
        let throttle: Throttle<IpAddr> = Throttle::new(false, "1/1h".parse().unwrap(), None);
        for _ in 0..10 {
            throttle.check(IpAddr::from([127, 0, 0, 1])).await.unwrap();
        }
    }
}
