use super::{EventKey, EventQueue, SourceId};
use crate::time::SimTime;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn key(at: u64, source: usize, seq: u32) -> EventKey {
    EventKey {
        at: SimTime::from_ps(at),
        source: SourceId::new(source),
        seq,
    }
}

fn drain(mut queue: EventQueue<u32>) -> Vec<(EventKey, u32)> {
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn a_key_has_sixteen_bytes() {
    assert_eq!(size_of::<EventKey>(), 16);
}

#[test]
fn time_goes_before_source_and_source_before_counter() {
    let sorted = [
        key(0, 9, 9),
        key(1, 0, 5),
        key(1, 1, 0),
        key(1, 1, 1),
        key(1, 2, 0),
        key(2, 0, 0),
    ];
    assert!(sorted.is_sorted());
    for (a, b) in sorted.iter().zip(&sorted[1..]) {
        assert!(a < b && a != b);
    }
}

#[test]
fn events_before_a_bound_are_popped_and_no_others() {
    let mut queue = EventQueue::new();
    queue.push(key(5, 0, 0), "five");
    queue.push(key(7, 0, 1), "seven");
    assert_eq!(queue.peek_time(), Some(SimTime::from_ps(5)));
    assert_eq!(queue.pop_before(SimTime::from_ps(5)), None);
    assert_eq!(
        queue.pop_before(SimTime::from_ps(6)),
        Some((key(5, 0, 0), "five"))
    );
    assert_eq!(queue.pop_before(SimTime::from_ps(6)), None);
    assert_eq!(queue.len(), 1);
    assert_eq!(queue.pop(), Some((key(7, 0, 1), "seven")));
    assert!(queue.is_empty() && queue.pop().is_none() && queue.peek_time().is_none());
}

#[test]
fn the_present_is_not_the_past() {
    let mut queue = EventQueue::new();
    queue.push(key(5, 3, 0), 0);
    queue.pop();
    queue.push(key(5, 0, 0), 1);
    assert_eq!(queue.pop(), Some((key(5, 0, 0), 1)));
}

#[test]
#[should_panic(expected = "no event in the past")]
fn an_event_in_the_past_is_a_bug() {
    let mut queue = EventQueue::new();
    queue.push(key(5, 0, 0), 0);
    queue.pop();
    queue.push(key(4, 0, 1), 1);
}

#[test]
#[should_panic(expected = "two events with one key")]
fn a_key_used_twice_is_a_bug() {
    let mut queue = EventQueue::new();
    queue.push(key(5, 0, 0), 0);
    queue.push(key(5, 0, 0), 1);
    drain(queue);
}

proptest! {
    #[test]
    fn pops_sorted_for_any_insertion_order(
        events in prop::collection::btree_map((0..50_u64, 0..5_usize, 0..20_u32), any::<u32>(), 0..300)
            .prop_flat_map(|events| {
                let list: Vec<_> = events.into_iter().map(|((a, s, n), e)| (key(a, s, n), e)).collect();
                (Just(list.clone()), Just(list).prop_shuffle())
            })
    ) {
        let (sorted, shuffled) = events;
        let mut queue = EventQueue::new();
        for (key, event) in shuffled {
            queue.push(key, event);
        }
        prop_assert_eq!(drain(queue), sorted);
    }

    /// Pushes and pops in any interleaving agree with an ordered map. Times are relative to the
    /// last popped event, so that none is in its past.
    #[test]
    fn agrees_with_an_ordered_map(
        steps in prop::collection::vec((0..6_u8, 0..40_u64, 0..4_usize), 1..400)
    ) {
        let mut queue = EventQueue::new();
        let mut reference = BTreeMap::new();
        let mut now = 0;
        for (seq, (action, delay, source)) in (0_u32..).zip(steps) {
            match action {
                0..=2 => {
                    queue.push(key(now + delay, source, seq), seq);
                    reference.insert(key(now + delay, source, seq), seq);
                }
                3 | 4 => {
                    let popped = queue.pop();
                    prop_assert_eq!(popped, reference.pop_first());
                    now = popped.map_or(now, |(key, _)| key.at.as_ps());
                }
                _ => {
                    let end = SimTime::from_ps(now + delay);
                    let due = reference.first_key_value().is_some_and(|(key, _)| key.at < end);
                    let expected = if due { reference.pop_first() } else { None };
                    let popped = queue.pop_before(end);
                    prop_assert_eq!(popped, expected);
                    now = popped.map_or(now, |(key, _)| key.at.as_ps());
                }
            }
            prop_assert_eq!(queue.len(), reference.len());
            prop_assert_eq!(queue.peek_time(), reference.keys().next().map(|key| key.at));
        }
    }
}
