use sim_core::SimDuration;

use super::*;

fn at(us: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_us(us)
}

fn size(bytes: u64) -> ByteSize {
    ByteSize::from_bytes(bytes)
}

#[test]
fn a_frame_counts_whole_until_its_last_bit_has_left() {
    let mut queue = Queue::new(QueueLimit::UNLIMITED);
    queue.enter(at(0), at(10), size(100));
    queue.enter(at(0), at(20), size(200));
    assert_eq!(queue.backlog(at(9)), size(300));
    assert_eq!(queue.backlog(at(10)), size(200));
    assert_eq!(queue.backlog(at(20)), ByteSize::ZERO);
}

#[test]
fn the_drain_time_is_that_of_the_frame_which_makes_the_difference() {
    let mut queue = Queue::new(QueueLimit::UNLIMITED);
    for n in 1..=4 {
        queue.enter(at(0), at(10 * n), size(100));
    }
    assert_eq!(queue.drain_time(at(5), size(400)), at(5));
    assert_eq!(queue.drain_time(at(5), size(399)), at(10));
    assert_eq!(queue.drain_time(at(5), size(200)), at(20));
    assert_eq!(queue.drain_time(at(5), ByteSize::ZERO), at(40));
    assert_eq!(queue.drain_time(at(50), ByteSize::ZERO), at(50));
}

#[test]
fn both_bounds_bind() {
    let mut queue = Queue::new(QueueLimit {
        packets: Some(2),
        bytes: Some(size(250)),
    });
    assert!(!queue.has_room(at(0), size(251)), "larger than the queue");
    queue.enter(at(0), at(10), size(100));
    assert!(!queue.has_room(at(1), size(151)));
    assert!(queue.has_room(at(1), size(150)));
    queue.enter(at(1), at(20), size(1));
    assert!(!queue.has_room(at(9), size(1)), "two frames wait");
    assert!(queue.has_room(at(10), size(1)));
}

#[test]
fn a_frame_that_leaves_at_once_takes_no_room() {
    let mut queue = Queue::new(QueueLimit::packets(1));
    for n in 0..5 {
        assert!(queue.has_room(at(n), size(9_000)));
        queue.enter(at(n), at(n), size(9_000));
        assert_eq!(queue.backlog(at(n)), ByteSize::ZERO);
    }
}

#[test]
#[should_panic(expected = "a frame overtakes another in a queue")]
fn a_queue_refuses_a_frame_that_overtakes() {
    let mut queue = Queue::new(QueueLimit::UNLIMITED);
    queue.enter(at(0), at(10), size(1));
    queue.enter(at(0), at(9), size(1));
}
