//! The contract of what nodes share: presence and counters. Cases may run side by side on one storage, each with keys
//! of its own; they take real time, a second or two.

#![expect(missing_docs, reason = "the name of a case is its sentence")]

pub mod counters;
pub mod presence;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::repo::{CounterRepo, PresenceRepo};

/// An empty storage that nobody else uses.
pub struct Shared {
    /// Who is connected.
    pub presence: Arc<dyn PresenceRepo>,
    /// Budgets and counts.
    pub counters: Arc<dyn CounterRepo>,
}

macro_rules! cases {
    (() $($noun:ident { $($case:ident)+ })+) => {
        /// The name of every case.
        pub const SHARED_CASES: &[&str] = &[$($(concat!(stringify!($noun), "::", stringify!($case)),)+)+];
    };
}

crate::shared_cases!(cases, ());

/// Puts an adapter under the contract: a module of this name with one test for each case. The expression is the path
/// of an `async fn() -> Shared`; the crate that tests needs tokio with its macros.
#[macro_export]
macro_rules! shared_contract {
    ($module:ident, $fresh:path) => {
        $crate::shared_cases!($crate::shared_contract_tests, ($module, $fresh));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! shared_contract_tests {
    (($module:ident, $fresh:path) $($noun:ident { $($case:ident)+ })+) => {
        mod $module {
            async fn fresh() -> $crate::testkit::shared::Shared {
                use super::*;
                $fresh().await
            }

            $(mod $noun {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        $crate::testkit::shared::$noun::$case(&super::fresh().await).await;
                    }
                )+
            })+
        }
    };
}

/// The list of cases.
#[doc(hidden)]
#[macro_export]
macro_rules! shared_cases {
    ($then:path, $given:tt) => {
        $then! {
            $given
            presence {
                who_was_said_to_be_connected_is_online
                who_is_connected_to_two_nodes_is_online_until_both_are_gone
                who_leaves_twice_or_was_never_there_is_gone_once
                what_a_silent_node_said_ends_by_itself
                a_beat_is_worth_its_own_time_whatever_was_said_before
                a_thousand_people_are_one_call
                of_20_nodes_that_say_it_at_once_one_is_first_and_one_is_last
            }
            counters {
                the_whole_count_is_taken_at_once_and_the_next_is_told_when
                who_waits_as_long_as_told_gets_the_next
                a_refusal_costs_nothing
                keys_have_budgets_of_their_own
                of_60_who_take_at_once_as_many_get_one_as_there_are
                another_rate_makes_nobody_wait_longer_than_it_does_itself
                of_60_who_note_at_once_each_is_told_another_count
                notes_of_a_key_are_its_own_and_can_be_taken_back_and_forgotten
                notes_last_as_long_as_the_last_one_says
            }
        }
    };
}

/// Waits for what time brings.
async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so().await {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
