/// The list of cases, from which [`CASES`](crate::testkit::CASES) and the tests of an adapter are made.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($then:path, $given:tt) => {
        $crate::contract_log_cases! {
            $then, $given
            users {
                an_account_is_read_back_as_it_was_added
                unknown_accounts_are_absent
                of_20_who_take_one_folded_name_at_once_exactly_one_gets_it
                names_that_fold_differently_stand_side_by_side
                a_list_holds_each_account_that_exists_once_by_id
                a_list_of_1000_is_answered_in_one_call
                a_nickname_is_found_by_the_beginning_of_its_folded_form
                signs_of_patterns_stand_for_themselves_in_a_prefix
                a_search_is_paged_by_id_and_never_longer_than_its_limit
                a_search_finds_active_accounts_only
                an_account_is_switched_off_and_on_and_stays_readable
                set_profile_replaces_nickname_birth_date_and_status_text_and_nothing_else
                set_password_replaces_the_hash_of_one_account
                accounts_of_any_state_are_searched_by_user_name_and_role
                a_forgotten_account_is_an_id_alone_and_stays_so
            }
            sessions {
                a_session_is_read_back_as_it_was_added
                unknown_sessions_are_absent_and_changing_them_changes_nothing
                a_session_is_found_by_its_access_token_and_the_one_before
                a_session_is_found_by_its_refresh_token_and_the_one_that_bought_it
                an_ended_session_is_still_found
                a_session_is_found_by_its_token_together_with_the_state_of_its_owner
                set_tokens_replaces_all_tokens_of_one_session
                set_used_is_remembered_of_one_session
                set_seen_is_remembered_of_many_sessions
                a_list_holds_the_living_of_one_person_newest_first
                a_session_ends_once_and_keeps_the_time_of_its_end
                ended_since_names_those_that_ended_at_or_after_a_time
                a_later_session_has_a_new_id_though_the_one_before_ended
                forget_takes_addresses_and_devices_from_all_sessions_of_one_person
            }
            tickets {
                of_20_who_take_one_ticket_at_once_exactly_one_gets_it
                a_ticket_is_taken_once_and_the_others_stay
                a_ticket_that_a_dropped_unit_took_can_be_taken
                tickets_whose_time_is_over_are_forgotten_and_no_others
            }
            friends {
                a_friendship_is_made_for_both_sides
                a_friendship_is_made_once_from_either_side
                of_20_who_befriend_the_same_two_at_once_exactly_one_does
                a_friendship_ends_for_both_sides_once
                a_friendship_can_be_made_again_and_is_a_new_one
                friends_are_paged_by_id_and_never_more_than_the_limit
                a_remark_is_its_owners_alone_and_can_be_cleared
                labels_and_stars_are_their_owners_alone_and_are_replaced_together
                friends_are_found_by_label_and_star_by_id
                the_audience_of_a_person_is_friends_whom_he_does_not_block
            }
            statuses {
                a_status_is_kept_for_one_person_and_read_with_the_account
                the_end_of_a_text_is_kept_and_taken_back
                when_people_were_last_seen_only_grows
                who_is_invisible_is_not_seen
                a_thousand_people_are_seen_in_one_call_and_who_is_no_account_is_left_out
            }
            friend_requests {
                a_request_is_read_back_as_it_was_added_and_is_pending
                of_20_equal_requests_at_once_exactly_one_is_pending
                a_pending_request_hinders_only_one_from_the_same_to_the_same
                after_each_decision_one_may_ask_again
                a_request_is_decided_once_and_keeps_its_answer
                a_list_is_newest_first_and_paged_downwards
                a_list_holds_one_direction_and_every_status
                a_muffled_request_is_seen_by_the_one_who_asks_alone
                a_removed_request_is_gone_and_its_id_is_not_used_again
                a_decided_request_can_be_removed
            }
            blocks {
                a_block_is_its_owners_alone
                two_who_block_each_other_at_once_both_do_and_each_removes_his_own
                a_second_block_of_the_same_changes_nothing
                the_cut_is_set_once
                a_block_is_removed_once_and_a_later_one_is_new
                blocks_are_paged_by_id_of_the_blocked
                who_of_some_people_blocks_a_person_is_told
            }
            groups {
                a_group_is_read_back_as_it_was_added_and_has_no_members
                set_replaces_all_of_a_group_but_its_count
                a_list_holds_the_groups_of_a_person_that_have_not_ended_by_id
                the_groups_asked_for_come_once_by_id_ended_ones_too
                living_groups_of_everybody_are_searched_by_a_part_of_the_name
            }
            members {
                a_member_is_read_back_as_it_was_added_and_is_added_once
                of_20_who_want_the_last_3_places_at_once_exactly_3_get_one
                a_removed_member_is_gone_once_and_leaves_a_place
                set_replaces_role_nickname_and_mute_of_one_member
                members_are_paged_by_id_and_admins_are_counted_without_the_owner
                what_outlives_a_membership_is_kept_of_the_last_one
                who_decides_is_the_owner_first_and_then_the_admins_by_id
                what_a_person_is_in_some_groups_comes_by_group
                those_of_some_people_who_are_members_come_by_id
                the_heir_is_the_oldest_admin_then_the_oldest_member_and_active_ones_first
            }
            blacklist {
                who_is_blacklisted_is_so_once_in_one_group_by_the_first_word
                a_blacklist_is_paged_by_id
            }
            invitations {
                a_person_has_one_invitation_into_a_group_by_the_first_word
                of_20_who_take_one_invitation_at_once_one_does
                the_invitations_into_one_group_are_listed_by_who_is_invited
            }
            join_requests {
                of_20_equal_requests_to_join_at_once_exactly_one_is_pending
                a_request_to_join_is_decided_once_and_can_be_made_again
                pending_requests_for_a_group_are_paged_by_the_person
                the_pending_requests_of_one_person_are_listed
            }
            conversations {
                a_row_is_made_once_and_then_left_as_it_is
                of_20_who_ensure_one_row_at_once_exactly_one_makes_it
                a_row_is_its_persons_alone
                a_list_holds_every_room_of_one_person
                where_a_person_begins_to_read_is_said_later_and_a_row_can_be_removed
                read_marks_only_grow_and_do_not_bring_back_what_is_gone
                clearing_moves_the_beginning_and_the_mark_and_not_what_was_read
                pins_mutes_and_hiding_are_kept_and_taken_back_one_by_one
                readers_of_an_entry_are_who_could_and_did_read_it_by_id
            }
            user_log {
                an_entry_is_read_back_as_it_was_appended
                numbers_have_no_hole_though_16_write_at_once
                each_account_has_numbers_of_its_own
                a_dropped_unit_takes_no_number
                after_a_number_come_the_first_ones_above_it
                before_a_number_come_the_last_ones_below_it_upwards
                only_the_numbers_asked_for_come_upwards
                heads_come_in_the_order_asked_and_are_zero_for_the_silent
                heads_of_1000_are_answered_in_one_call
                a_cleared_log_is_empty_and_the_next_entry_is_the_first
            }
            audit {
                an_act_is_read_back_as_it_was_written_down
                acts_come_newest_first_page_by_page_and_through_a_filter
            }
            departures {
                what_is_left_is_read_back_by_account_and_added_once
                a_number_only_grows_and_what_is_done_is_removed_once
            }
            outbox {
                a_task_is_read_back_as_it_was_left
                every_sort_of_task_is_read_back_as_it_was_left
                the_time_of_a_task_is_the_one_it_was_given
                tasks_of_a_room_come_in_the_order_they_were_left
                rooms_with_tasks_are_named_once
                a_removed_task_is_gone_and_its_id_is_not_used_again
                a_task_is_removed_once
            }
            settings {
                the_first_value_stands
                of_20_who_ensure_at_once_all_get_the_same_value
                a_value_is_set_whether_there_is_one_or_not
            }
            spent {
                of_20_who_spend_one_thing_at_once_exactly_one_does
                what_a_dropped_unit_spent_can_be_spent
                what_is_over_is_forgotten_and_the_rest_stays_spent
            }
            externals {
                of_20_who_bind_one_id_at_once_exactly_one_does
                ids_are_compared_by_their_bytes
                an_account_that_is_gone_leaves_its_id_to_another
            }
            emails {
                an_address_is_read_back_as_it_was_written_and_found_in_any_case
                an_account_has_one_address_and_an_address_one_account
                an_address_that_was_taken_away_is_free
                of_20_who_bind_one_address_at_once_exactly_one_does
            }
            codes {
                a_code_is_read_back_as_it_was_set_for_its_purpose_and_subject_alone
                a_code_bears_as_many_guesses_as_it_is_told
                a_guess_of_a_dropped_unit_does_not_count
                the_old_code_dies_with_the_new_one_and_guesses_begin_anew
                a_code_lasts_for_its_time
                a_removed_code_is_gone_once
                of_20_who_guess_at_once_as_many_as_it_bears_get_the_code
            }
            mails {
                a_mail_is_read_back_as_it_was_wanted
                what_is_wanted_again_takes_the_place_of_what_was_not_begun_of_late
                a_mail_that_was_begun_waits_and_is_begun_again_by_who_saw_it_last
                it_is_known_when_the_others_to_an_address_were_begun
                a_mail_that_has_gone_out_is_due_no_more_and_is_forgotten_later
                a_removed_mail_is_gone_once_and_its_id_is_not_used_again
                of_20_who_begin_a_mail_at_once_exactly_one_does
                what_somebody_wanted_who_is_gone_is_forgotten
            }
            totp {
                a_key_is_one_persons_and_is_confirmed_once
                steps_only_grow_and_only_of_a_key_that_is_confirmed
                a_recovery_code_is_good_once_for_one_person
                a_new_key_and_none_end_the_recovery_codes
                of_20_who_use_one_step_or_one_recovery_code_at_once_exactly_one_does
            }
            units {
                a_dropped_unit_leaves_no_trace
                a_committed_unit_is_seen_by_every_later_one
                a_unit_sees_its_own_changes_and_others_do_not_before_its_commit
                a_read_unit_sees_one_moment
                a_write_unit_sees_what_was_committed_while_it_waited
                a_conflict_undoes_nothing_else_of_its_unit
                nobody_is_told_without_his_lock
                no_private_room_is_owed_without_both_locks
                a_commit_names_whom_it_told_and_which_rooms_it_owes
                a_commit_names_the_rooms_that_it_locked_though_it_owes_nothing
                a_store_in_order_answers_a_ping
            }
            locks {
                what_is_counted_under_a_lock_holds_until_the_commit
                locks_named_in_either_order_do_not_wait_for_each_other
                a_lock_may_be_named_twice
                a_dropped_unit_gives_its_locks_back
                reading_units_wait_for_nobody
            }
            private_rights {
                every_line_of_the_truth_table_is_answered
                the_other_side_is_told_its_own_rights
                five_hundred_asks_are_answered_in_the_order_asked
                a_room_with_one_row_is_not_open
                rights_are_those_that_are_committed
                what_is_known_of_rights_is_never_older_than_a_commit
            }
            hidden {
                what_is_hidden_is_hidden_once_from_one_person_in_one_room
            }
            pins {
                pins_of_a_room_come_newest_first_and_are_its_own
                an_entry_is_pinned_once_and_removed_once
                of_20_who_pin_one_entry_at_once_exactly_one_does
            }
            worlds {
                the_first_world_is_there_and_open_from_the_beginning
                a_world_keeps_what_is_set
                a_mute_is_one_persons_and_can_be_replaced_and_lifted
                a_turn_is_taken_when_the_last_one_is_long_enough_ago
                a_message_has_its_own_turn_again
                turns_are_forgotten_in_one_world_and_count_no_more
                of_20_who_take_a_turn_at_once_exactly_one_gets_it
            }
        }
    };
}

/// The cases that ask room logs alone, after those that another list gives.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_log_cases {
    ($then:path, $given:tt $($before:tt)*) => {
        $then! {
            $given
            $($before)*
            room_append {
                an_entry_is_read_back_as_it_was_appended
                bodies_are_kept_to_the_byte
                numbers_follow_the_order_in_a_batch_of_several_rooms
                a_batch_holds_512
                an_empty_batch_is_answered_with_nothing
                a_repeated_reference_gets_the_same_entry_again
                a_whole_batch_can_be_offered_again
                a_reference_with_other_content_differs
                an_entry_without_digest_is_repeated_too
                content_is_compared_by_its_digest_alone
                a_reference_is_a_writers_own_in_one_room
                an_entry_is_found_by_its_reference
                the_time_of_an_entry_is_not_below_that_of_the_one_before
                only_counted_entries_are_counted
                an_entry_that_takes_a_right_away_moves_the_fence
                what_was_decided_before_the_fence_is_stale_and_is_not_stored
                the_fence_holds_within_a_batch_and_in_its_own_room
                what_is_decided_ignores_the_fence
                a_repeat_is_answered_though_the_fence_has_moved
            }
            room_read {
                after_a_number_come_the_first_ones_above_it
                before_a_number_come_the_last_ones_below_it_upwards
                only_the_numbers_asked_for_come_upwards
                an_unknown_room_reads_as_empty
                heads_come_in_the_order_asked_and_are_zero_for_the_empty
                heads_of_1000_are_answered_in_one_call
            }
            room_erase {
                an_erased_entry_has_its_stub_everywhere_and_keeps_its_place
                to_erase_twice_is_as_once_and_nothing_is_erased_that_is_not_there
                a_repeat_of_what_was_erased_gets_the_stub_whatever_it_says
            }
            room_unread {
                unread_is_what_others_wrote_above_the_mark_and_still_stands
                a_mention_counts_for_whom_it_names_and_one_of_all_for_everybody_else
                much_is_counted_by_the_numbers_of_the_log
                many_are_counted_in_the_order_asked
            }
            room_order {
                eight_readers_of_eight_writers_never_see_a_number_before_the_one_below_it
                everybody_reads_one_order_with_ords_and_times_that_only_grow
                of_16_who_append_one_reference_at_once_all_get_one_entry
                nobody_speaks_after_the_number_that_silenced_him
            }
        }
    };
}
