//! Adapters that break one promise each: the suite must notice.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod log;
mod store;

use std::sync::Arc;

use async_trait::async_trait;
use jim_core::testkit::{Adapter, Fresh, InMemory, failures};

use log::BrokenLog;
use store::BrokenStore;

/// A promise that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    // Units.
    DropCommits,
    ReadsMove,
    // Accounts and log-ins.
    TakenNameGiven,
    PrefixIsAPattern,
    ProfileNeverCleared,
    PreviousAccessForgotten,
    OldRefreshForgotten,
    SessionsOldestFirst,
    EndsTwice,
    TicketTwice,
    SpentTwice,
    // People.
    FriendsDownwards,
    RemarkForBoth,
    PendingTwice,
    DecidedTwice,
    CutMoves,
    UnblockClearsBoth,
    ConversationAlwaysNew,
    ReadersMakeRows,
    ClearedIsRead,
    HiddenEverywhere,
    PinnedAgain,
    TurnsAreFree,
    TurnsWithoutMessage,
    TurnsRemembered,
    GroupOverfull,
    PlaceStaysTaken,
    MuteForgotten,
    InvitationTakenTwice,
    RightsOutOfOrder,
    BlocksSwapped,
    OpenByOneRow,
    // User logs, outbox, settings.
    UserLogDownwards,
    UserHeadsSorted,
    OutboxNewestFirst,
    OutboxStays,
    LastValueWins,
    // Mail and second factors.
    AddressOfTwo,
    GuessesAreFree,
    MailBegunTwice,
    StepTwice,
    // Room logs.
    Hole,
    EarlyNumber,
    RefsForgotten,
    RefsPerRoom,
    DigestIgnored,
    FenceIgnored,
    FenceBeforeRefs,
    DecidedIsFenced,
    TimeGoesBack,
    AllCounted,
    BeforeDownwards,
    LimitIgnored,
    HeadsOutOfOrder,
    BodiesReencoded,
    NothingErased,
    OwnCountAsUnread,
}

/// Each fault, and a case that must fail for it.
const FAULTS: &[(Fault, &str)] = &[
    (Fault::DropCommits, "units::a_dropped_unit_leaves_no_trace"),
    (Fault::ReadsMove, "units::a_read_unit_sees_one_moment"),
    (Fault::TakenNameGiven, "users::of_20_who_take_one_folded_name_at_once_exactly_one_gets_it"),
    (Fault::PrefixIsAPattern, "users::signs_of_patterns_stand_for_themselves_in_a_prefix"),
    (Fault::ProfileNeverCleared, "users::set_profile_replaces_nickname_birth_date_and_status_text_and_nothing_else"),
    (Fault::PreviousAccessForgotten, "sessions::a_session_is_found_by_its_access_token_and_the_one_before"),
    (Fault::OldRefreshForgotten, "sessions::a_session_is_found_by_its_refresh_token_and_the_one_that_bought_it"),
    (Fault::SessionsOldestFirst, "sessions::a_list_holds_the_living_of_one_person_newest_first"),
    (Fault::EndsTwice, "sessions::a_session_ends_once_and_keeps_the_time_of_its_end"),
    (Fault::TicketTwice, "tickets::of_20_who_take_one_ticket_at_once_exactly_one_gets_it"),
    (Fault::SpentTwice, "spent::of_20_who_spend_one_thing_at_once_exactly_one_does"),
    (Fault::FriendsDownwards, "friends::friends_are_paged_by_id_and_never_more_than_the_limit"),
    (Fault::RemarkForBoth, "friends::a_remark_is_its_owners_alone_and_can_be_cleared"),
    (Fault::PendingTwice, "friend_requests::of_20_equal_requests_at_once_exactly_one_is_pending"),
    (Fault::DecidedTwice, "friend_requests::a_request_is_decided_once_and_keeps_its_answer"),
    (Fault::CutMoves, "blocks::the_cut_is_set_once"),
    (Fault::UnblockClearsBoth, "blocks::two_who_block_each_other_at_once_both_do_and_each_removes_his_own"),
    (Fault::ConversationAlwaysNew, "conversations::a_row_is_made_once_and_then_left_as_it_is"),
    (Fault::ReadersMakeRows, "conversations::read_marks_only_grow_and_do_not_bring_back_what_is_gone"),
    (Fault::ClearedIsRead, "conversations::clearing_moves_the_beginning_and_the_mark_and_not_what_was_read"),
    (Fault::HiddenEverywhere, "hidden::what_is_hidden_is_hidden_once_from_one_person_in_one_room"),
    (Fault::PinnedAgain, "pins::an_entry_is_pinned_once_and_removed_once"),
    (Fault::TurnsAreFree, "worlds::of_20_who_take_a_turn_at_once_exactly_one_gets_it"),
    (Fault::TurnsWithoutMessage, "worlds::a_message_has_its_own_turn_again"),
    (Fault::TurnsRemembered, "worlds::turns_are_forgotten_in_one_world_and_count_no_more"),
    (Fault::GroupOverfull, "members::of_20_who_want_the_last_3_places_at_once_exactly_3_get_one"),
    (Fault::PlaceStaysTaken, "members::a_removed_member_is_gone_once_and_leaves_a_place"),
    (Fault::MuteForgotten, "members::what_outlives_a_membership_is_kept_of_the_last_one"),
    (Fault::InvitationTakenTwice, "invitations::of_20_who_take_one_invitation_at_once_one_does"),
    (Fault::RightsOutOfOrder, "private_rights::five_hundred_asks_are_answered_in_the_order_asked"),
    (Fault::BlocksSwapped, "private_rights::every_line_of_the_truth_table_is_answered"),
    (Fault::OpenByOneRow, "private_rights::a_room_with_one_row_is_not_open"),
    (Fault::UserLogDownwards, "user_log::before_a_number_come_the_last_ones_below_it_upwards"),
    (Fault::UserHeadsSorted, "user_log::heads_come_in_the_order_asked_and_are_zero_for_the_silent"),
    (Fault::OutboxNewestFirst, "outbox::tasks_of_a_room_come_in_the_order_they_were_left"),
    (Fault::OutboxStays, "outbox::a_removed_task_is_gone_and_its_id_is_not_used_again"),
    (Fault::LastValueWins, "settings::of_20_who_ensure_at_once_all_get_the_same_value"),
    (Fault::AddressOfTwo, "emails::an_account_has_one_address_and_an_address_one_account"),
    (Fault::GuessesAreFree, "codes::of_20_who_guess_at_once_as_many_as_it_bears_get_the_code"),
    (Fault::MailBegunTwice, "mails::of_20_who_begin_a_mail_at_once_exactly_one_does"),
    (Fault::StepTwice, "totp::steps_only_grow_and_only_of_a_key_that_is_confirmed"),
    (Fault::Hole, "room_append::numbers_follow_the_order_in_a_batch_of_several_rooms"),
    (Fault::EarlyNumber, "room_order::eight_readers_of_eight_writers_never_see_a_number_before_the_one_below_it"),
    (Fault::RefsForgotten, "room_append::a_repeated_reference_gets_the_same_entry_again"),
    (Fault::RefsPerRoom, "room_append::a_reference_is_a_writers_own_in_one_room"),
    (Fault::DigestIgnored, "room_append::a_reference_with_other_content_differs"),
    (Fault::FenceIgnored, "room_append::what_was_decided_before_the_fence_is_stale_and_is_not_stored"),
    (Fault::FenceBeforeRefs, "room_append::a_repeat_is_answered_though_the_fence_has_moved"),
    (Fault::DecidedIsFenced, "room_append::what_is_decided_ignores_the_fence"),
    (Fault::TimeGoesBack, "room_append::the_time_of_an_entry_is_not_below_that_of_the_one_before"),
    (Fault::AllCounted, "room_append::only_counted_entries_are_counted"),
    (Fault::BeforeDownwards, "room_read::before_a_number_come_the_last_ones_below_it_upwards"),
    (Fault::LimitIgnored, "room_read::after_a_number_come_the_first_ones_above_it"),
    (Fault::HeadsOutOfOrder, "room_read::heads_come_in_the_order_asked_and_are_zero_for_the_empty"),
    (Fault::BodiesReencoded, "room_append::bodies_are_kept_to_the_byte"),
    (Fault::NothingErased, "room_erase::an_erased_entry_has_its_stub_everywhere_and_keeps_its_place"),
    (Fault::OwnCountAsUnread, "room_unread::unread_is_what_others_wrote_above_the_mark_and_still_stands"),
];

/// The stores in memory with one fault.
struct Broken(Fault);

#[async_trait]
impl Adapter for Broken {
    async fn fresh(&self) -> Fresh {
        let Fresh { store, log, keep } = InMemory.fresh().await;
        let store = Arc::new(BrokenStore { store, fault: self.0 });
        Fresh { store, log: Arc::new(BrokenLog::new(log, self.0)), keep }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_notices_every_broken_promise() {
    for (fault, case) in FAULTS {
        let failed = failures(&Broken(*fault)).await;
        assert!(failed.contains(case), "{fault:?} must fail {case}, but only failed {failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrapper_without_a_fault_fails_nothing() {
    assert!(failures(&Broken(Fault::None)).await.is_empty());
}
