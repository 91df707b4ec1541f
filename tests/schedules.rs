//! The order in which threads run, explored: every scenario here runs under thousands of schedules,
//! and after each of them the books of an observer have to agree with the stream's own.
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" cargo test --release --test schedules
//! ```
//!
//! `SEGMENT_STREAM_SCHEDULES` says how many schedules there are in all, `SHUTTLE_RANDOM_SEED`
//! chooses others. A schedule that fails is printed; `SEGMENT_STREAM_SCHEDULE`, with the scenario's
//! name as the filter, plays it again.
#![cfg(shuttle)]

#[path = "schedules/books.rs"]
mod books;
#[path = "schedules/channel.rs"]
mod channel;
#[path = "schedules/closing.rs"]
mod closing;
#[path = "schedules/deadlines.rs"]
mod deadlines;
#[path = "schedules/explore.rs"]
mod explore;
#[path = "schedules/gate.rs"]
mod gate;
#[path = "schedules/line.rs"]
mod line;
#[path = "schedules/logged.rs"]
mod logged;
#[path = "schedules/losses.rs"]
mod losses;
#[path = "schedules/panics.rs"]
mod panics;
#[path = "schedules/room.rs"]
mod room;
#[path = "schedules/told.rs"]
mod told;
#[path = "schedules/within.rs"]
mod within;
#[path = "schedules/writers.rs"]
mod writers;

/// A test for each scenario, and how many of them there are.
macro_rules! scenarios {
    ($($module:ident: $($name:ident),+;)+) => {
        const SCENARIOS: usize = [$($(stringify!($name)),+),+].len();

        $($(
            #[test]
            fn $name() {
                explore::explore(stringify!($name), SCENARIOS, $module::$name);
            }
        )+)+
    };
}

scenarios! {
    closing:
        producers_against_a_close,
        the_last_sender_against_the_consumer,
        a_stream_dropped_under_waiting_senders,
        a_drain_against_sends,
        a_finish_against_sends,
        leaked_senders,
        polling,
        what_watchers_see;
    line:
        everybody_in_the_line_is_let_in,
        one_release_lets_several_in,
        a_release_for_a_large_one_lets_nobody_else_in,
        whoever_gives_up_wakes_the_next,
        whoever_gives_up_against_a_release,
        a_sender_let_in_against_a_close,
        those_who_tell_the_log_come_back,
        nobody_waits_for_the_log,
        dropping_the_oldest,
        where_nothing_can_be_dropped;
    deadlines:
        no_time_at_all,
        a_deadline_at_any_moment,
        a_deadline_with_two_writers_and_equal_paths,
        a_deadline_after_a_stuck_write,
        no_doubt_about_what_has_ended,
        a_pause_cut_short,
        the_last_sender_cuts_nothing_short,
        a_pause_is_no_part_of_an_attempt,
        a_retry_cut_short;
    writers:
        two_writers_and_equal_paths,
        three_writers_and_equal_paths,
        nobody_sleeps_while_there_is_something_to_write,
        every_writer_is_woken,
        an_equal_path_waits_and_is_written,
        an_equal_path_is_written_after_a_close,
        a_drain_with_two_writers;
    panics:
        a_panic_under_waiting_senders,
        a_panic_beside_another_writer,
        a_panic_against_a_deadline,
        a_panic_after_the_stream_was_dropped_inside,
        a_sink_that_ends_badly;
    told:
        every_drop_is_told,
        a_recovery_is_told_once;
    losses:
        a_loss_wakes_a_sleeping_iterator,
        a_segment_given_up_wakes_a_sleeping_iterator,
        losses_beside_writers_and_a_close,
        a_drop_at_the_front_wakes_a_sleeping_iterator,
        information_of_dropped_segments,
        information_of_merged_losses,
        losses_before_a_deadline;
    room:
        a_sender_that_waits_ends_an_extension,
        a_timed_sender_that_waits_ends_an_extension,
        a_drop_ends_an_extension,
        a_close_ends_an_extension,
        a_segment_is_kept_while_there_is_room;
    within:
        dropped_inside_its_own_sink,
        finished_inside_its_own_sink,
        drained_and_dropped_inside_its_own_sink,
        drained_inside_its_own_sink,
        closed_inside_its_own_sink;
    channel:
        an_empty_channel_waits_for_a_message,
        a_deadline_is_an_event;
}
