//! The contract of the storage ports, one file per noun, one function per sentence. Each function gets an empty
//! database of its own and panics where the adapter breaks its word.

#![expect(missing_docs, reason = "the name of a case is its sentence")]

mod list;
mod tools;

pub mod audit;
pub mod blacklist;
pub mod blocks;
pub mod codes;
pub mod conversations;
pub mod departures;
pub mod emails;
pub mod externals;
pub mod friend_requests;
pub mod friends;
pub mod groups;
pub mod hidden;
pub mod invitations;
pub mod join_requests;
pub mod locks;
pub mod mails;
pub mod members;
pub mod outbox;
pub mod pins;
pub mod private_rights;
pub mod room_append;
pub mod room_erase;
pub mod room_order;
pub mod room_read;
pub mod room_unread;
pub mod sessions;
pub mod settings;
pub mod spent;
pub mod statuses;
pub mod tickets;
pub mod totp;
pub mod units;
pub mod user_log;
pub mod users;
pub mod worlds;

use super::Case;

macro_rules! cases {
    (() $($noun:ident { $($case:ident)+ })+) => {
        /// Every sentence of the contract.
        pub const CASES: &[Case] = &[$($(
            Case {
                name: concat!(stringify!($noun), "::", stringify!($case)),
                run: |fresh| Box::pin($noun::$case(fresh)),
            },
        )+)+];
    };
}

crate::contract_cases!(cases, ());

/// Puts an adapter under the contract: a module of this name with one test for each case. The expression is an
/// [`Adapter`](crate::testkit::Adapter), evaluated for each case; the crate that tests needs tokio with its macros.
/// After the word `logs`, only the cases that ask room logs alone.
#[macro_export]
macro_rules! contract {
    (logs $module:ident, $adapter:expr) => {
        $crate::contract_log_cases!($crate::contract_tests, ($module, $adapter));
    };
    ($module:ident, $adapter:expr) => {
        $crate::contract_cases!($crate::contract_tests, ($module, $adapter));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    (($module:ident, $adapter:expr) $($noun:ident { $($case:ident)+ })+) => {
        // A function and a module may share a name, and the expression sees what the caller sees.
        async fn $module() -> $crate::testkit::Fresh {
            $crate::testkit::Adapter::fresh(&$adapter).await
        }

        mod $module {
            $(mod $noun {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        $crate::testkit::contract::$noun::$case(&super::super::$module().await).await;
                    }
                )+
            })+
        }
    };
}
