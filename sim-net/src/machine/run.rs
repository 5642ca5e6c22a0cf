//! What each core does next, and the clock of each pass.

use sim_core::{Context, Partition, SimDuration, SimTime};

use super::{Env, Event, Load, Machine, Message};
use crate::app::{AppEvent, Os};
use crate::cost::{Charge, Primitive};
use crate::cpu::{Component, Descriptor, ROUND, Softirq, Work, rss};
use crate::eni::IngressOutcome;
use crate::frame::{Frame, FrameSlot};
use crate::headers;
use crate::ids::{AppId, CoreId, EniId, FlowTag};
use crate::stack::{SocketEvent, StackWorker};
use crate::verdict::DropReason;

/// Descriptors of one receive ring.
/// Source: ENA Linux best practices, default ring size (vendor).
const RX_RING: u16 = 1024;

impl Partition for Machine {
    type Event = Event;
    type Message = Message;
    type Worker = StackWorker;

    fn entity_count(&self) -> usize {
        self.cores.len() + self.enis.len() + self.netns.len() + self.apps.len()
    }

    fn handle(
        &mut self,
        event: Event,
        ctx: &mut Context<'_, Event, Message>,
        worker: &mut StackWorker,
    ) {
        let env = &mut Env { ctx, worker };
        self.measure_at(env.ctx.now());
        match event {
            Event::Arrive { eni, frame } => self.on_arrive(env, eni, frame),
            Event::ArriveTrain { eni, train } => self.on_arrive_train(env, eni, train),
            Event::Ring { eni, frame } => {
                let frame = self.frames.take(frame);
                self.on_ring(env, eni, frame);
            }
            Event::Core { core } => self.on_core(env, core),
            Event::Transmit { eni, frame } => self.on_transmit(env, eni, frame),
            Event::Release { eni, frame } => self.on_release(env, eni, frame),
            Event::Drain { eni } => self.on_drain(env, eni),
            Event::Timer { netns, conn } => self.on_timer(env, netns, conn),
            Event::Notify { event } => {
                self.apps[event.owner()].notified -= 1;
                self.wake(env, event.owner(), AppEvent::Socket(event));
            }
            Event::AppTimer { app, token } => self.wake(env, app, AppEvent::Timer(token)),
        }
    }

    fn accept(&mut self, message: Message, _worker: &mut StackWorker) -> Event {
        let Message { eni, load } = message;
        match load {
            Load::Packet(frame) => {
                self.enis[eni].counts.arrived += 1;
                let frame = self.frames.put(frame);
                Event::Arrive { eni, frame }
            }
            Load::Train(train) => {
                let packets = train.arrivals.len() as u64;
                self.enis[eni].counts.arrived += packets;
                self.account.in_trains += packets;
                let train = self.trains.put(train);
                Event::ArriveTrain { eni, train }
            }
        }
    }
}

impl Machine {
    /// Time is accounted to components from here on if it is measured at `now`.
    pub(super) fn measure_at(&mut self, now: SimTime) {
        let (start, end) = self.measured;
        self.meter.hops.measure(start <= now && now < end);
    }

    fn on_arrive(&mut self, env: &mut Env<'_, '_>, eni: EniId, slot: FrameSlot) {
        let now = env.ctx.now();
        let frame = self.frames.take(slot);
        match self.enis[eni].eni.ingress(&mut self.allowance, now, &frame) {
            IngressOutcome::Arrive(at) => self.let_in(env, eni, frame, at),
            IngressOutcome::Drop(reason) => {
                self.enis[eni].counts.dropped_in += 1;
                self.drop_frame(env, frame, reason);
            }
        }
    }

    /// A frame has passed the interface's inbound limits, or will have at `at`.
    pub(super) fn let_in(
        &mut self,
        env: &mut Env<'_, '_>,
        eni: EniId,
        mut frame: Frame,
        at: SimTime,
    ) {
        let now = env.ctx.now();
        let src = headers::src_addr(&frame.data);
        if let Some(hops) = self.enis[eni].eni.ttl_from(src) {
            headers::set_ttl(&mut frame.data, hops);
        }
        let tag = frame.meta.tag;
        self.meter.hops.add(tag, Component::RxQueue, at - now);
        let at = at + self.virtio_delay(eni, Primitive::VirtioReceive, tag);
        if at == now {
            self.on_ring(env, eni, frame);
        } else {
            let frame = self.frames.put(frame);
            env.ctx
                .schedule(self.eni_entity(eni), at, Event::Ring { eni, frame });
        }
    }

    fn on_ring(&mut self, env: &mut Env<'_, '_>, eni: EniId, frame: Frame) {
        if self.nat.is_some() {
            return self.translate(env, eni, frame);
        }
        let core = self.receive_core(|| rss::hash_packet(&frame.data));
        if !self.ring_has_room(eni, core) {
            self.enis[eni].counts.dropped_in += 1;
            self.drop_frame(env, frame, DropReason::RxRingFull);
            return;
        }
        self.capture(env.ctx.now(), eni, &frame, None);
        let tag = frame.meta.tag;
        self.push_ring(env, (eni, core), Descriptor::Packet(frame), tag);
    }

    pub(super) fn ring_has_room(&self, eni: EniId, core: CoreId) -> bool {
        self.enis[eni].in_ring[core] < RX_RING
    }

    /// Puts a packet into the receive ring of a core, which has room.
    pub(super) fn push_ring(
        &mut self,
        env: &mut Env<'_, '_>,
        (eni, core): (EniId, CoreId),
        packet: Descriptor,
        tag: FlowTag,
    ) {
        let now = env.ctx.now();
        let device = &mut self.enis[eni];
        device.in_ring[core] += 1;
        device.counts.received += 1;
        // Without work in softirq context the frame waits for an interrupt; otherwise the round
        // that goes on, or is about to, will find it.
        let waiting = self.cores[core].has_softirq();
        let mut delay = SimDuration::ZERO;
        if !waiting && self.cores[core].busy_until <= now {
            delay = self.meter.latency_of(Primitive::InterruptDelay);
            self.meter.hops.add(tag, Component::Interrupt, delay);
        }
        self.cores[core].push_ring(eni, packet, now + delay);
        if !waiting {
            self.kick(env, core, now + delay);
        }
    }

    /// What the virtual device of a micro-VM adds; nothing elsewhere.
    pub(super) fn virtio_delay(
        &mut self,
        eni: EniId,
        primitive: Primitive,
        tag: FlowTag,
    ) -> SimDuration {
        if !self.enis[eni].virtio {
            return SimDuration::ZERO;
        }
        let delay = self.meter.latency_of(primitive);
        self.meter.hops.add(tag, Component::Virtio, delay);
        delay
    }

    /// The core whose receive ring a flow with this hash goes to.
    pub(super) fn receive_core(&self, hash: impl FnOnce() -> u32) -> CoreId {
        if self.cores.len() == 1 {
            return CoreId::new(0);
        }
        CoreId::new(hash() as usize % self.cores.len())
    }

    /// Has `core` look for work at `at`, or as soon after as its present pass ends.
    pub(super) fn kick(&mut self, env: &mut Env<'_, '_>, core: CoreId, at: SimTime) {
        let now = env.ctx.now();
        let at = at.max(self.cores[core].not_before()).max(now);
        if self.cores[core].wake_at.is_some_and(|wake| wake <= at) {
            return;
        }
        if at == now && self.meter.core().is_none() {
            self.run_core(env, core);
            return;
        }
        self.look_at(env, core, at);
    }

    /// Has `core` look for work at `at`, and at no other time that was agreed before.
    fn look_at(&mut self, env: &mut Env<'_, '_>, core: CoreId, at: SimTime) {
        self.cores[core].wake_at = Some(at);
        let entity = self.core_entity(core);
        env.ctx.schedule(entity, at, Event::Core { core });
    }

    fn on_core(&mut self, env: &mut Env<'_, '_>, core: CoreId) {
        if self.cores[core].wake_at == Some(env.ctx.now()) {
            self.cores[core].wake_at = None;
            self.run_core(env, core);
        }
    }

    fn run_core(&mut self, env: &mut Env<'_, '_>, core: CoreId) {
        let now = env.ctx.now();
        assert!(
            self.cores[core].busy_until <= now,
            "a core does one thing at a time"
        );
        match self.cores[core].next_work(now) {
            Work::Idle => return,
            Work::Compute(until) => return self.look_at(env, core, until),
            Work::Softirq => {
                self.meter.begin(now, core);
                self.softirq_round(env, core);
            }
            Work::App(app) => {
                self.meter.begin(now, core);
                self.run_app(env, core, app, None);
            }
            Work::Computed(app, token) => {
                self.meter.begin(now, core);
                self.apps[app].computing = false;
                self.run_app(env, core, app, Some(AppEvent::Computed(token)));
            }
        }
        self.carry_on(env, core);
        let spent = self.meter.end();
        let me = &mut self.cores[core];
        me.last_pass = spent;
        me.busy += spent;
        me.busy_until = now + spent;
        me.wake_at = None;
        if me.has_work() {
            self.look_at(env, core, now + spent);
        }
    }

    /// One round of softirq work: at most [`ROUND`] frames, each carried to its end. Of a receive
    /// ring that are packets.
    fn softirq_round(&mut self, env: &mut Env<'_, '_>, core: CoreId) {
        let mut left = ROUND;
        while left > 0 {
            left -= 1;
            match self.cores[core].pop_softirq() {
                None => break,
                Some(Softirq::Ring(eni, packet, since)) => {
                    left -= self.poll_ring(env, core, (eni, packet, since), left);
                }
                Some(Softirq::Backlog(ingress, frame)) => self.enter(env, ingress, frame),
                Some(Softirq::Poll(netns, conn)) => self.poll_conn(env, netns, conn),
            }
            self.carry_on(env, core);
        }
        self.cores[core].end_round();
    }

    /// Polls the receive ring from this packet on, for at most `most` more where packets are put
    /// together, and hands on what they were put together to. Says how many more there were.
    ///
    /// The driver pays for each packet, whatever comes after it for each frame. Source: Linux 6.18,
    /// `net/core/gro.c`, `dev_gro_receive`, called by the driver's poll (specified).
    fn poll_ring(
        &mut self,
        env: &mut Env<'_, '_>,
        core: CoreId,
        first: (EniId, Descriptor, SimTime),
        most: usize,
    ) -> usize {
        if !self.offloads {
            let (eni, packet, since) = first;
            let frame = self.take_from_ring(env, (eni, core), packet, since);
            self.receive(env, eni, frame);
            return 0;
        }
        let mut more = 0;
        let mut next = Some(first);
        while let Some((eni, packet, since)) = next {
            match packet {
                Descriptor::Packet(_) => {
                    let frame = self.take_from_ring(env, (eni, core), packet, since);
                    let pool = &mut env.worker.frames;
                    self.gro.receive(eni, frame, pool, &mut self.received);
                }
                Descriptor::OfTrain(slot, index) => {
                    self.put_together(env, (eni, core), (slot, index), since);
                }
            }
            if !self.received.is_empty() {
                self.hand_on(env, core);
            }
            next = (more < most).then(|| self.cores[core].pop_ring()).flatten();
            more += usize::from(next.is_some());
        }
        self.gro.flush(&mut self.received);
        self.hand_on(env, core);
        more
    }

    fn hand_on(&mut self, env: &mut Env<'_, '_>, core: CoreId) {
        let mut received = std::mem::take(&mut self.received);
        for (eni, frame) in received.drain(..) {
            self.receive(env, eni, frame);
            self.carry_on(env, core);
        }
        self.received = received;
    }

    /// The driver takes a packet from its receive ring.
    fn take_from_ring(
        &mut self,
        env: &mut Env<'_, '_>,
        at: (EniId, CoreId),
        packet: Descriptor,
        since: SimTime,
    ) -> Frame {
        let frame = match packet {
            Descriptor::Packet(frame) => frame,
            Descriptor::OfTrain(slot, index) => self.take_of_train(env, slot, index),
        };
        self.pay_for_packet(at, frame.meta.tag, frame.packet_len(), since);
        frame
    }

    /// What the driver pays for a packet of a receive ring.
    pub(super) fn pay_for_packet(
        &mut self,
        (eni, core): (EniId, CoreId),
        tag: FlowTag,
        len: usize,
        since: SimTime,
    ) {
        self.enis[eni].in_ring[core] -= 1;
        self.meter.set_tag(tag);
        let waited = self.meter.now().saturating_since(since);
        self.meter.hops.add(tag, Component::CoreQueue, waited);
        self.meter.charge(Primitive::NicReceive, len);
    }

    /// A frame goes on from the driver to the namespace of its interface.
    fn receive(&mut self, env: &mut Env<'_, '_>, eni: EniId, frame: Frame) {
        self.meter.set_tag(frame.meta.tag);
        let netns = self.enis[eni].netns;
        let Some(iface) = self.netns[netns].iface_of(eni) else {
            self.drop_frame(env, frame, DropReason::NoRoute);
            return;
        };
        if self.netns[netns].is_branch(iface) {
            self.meter.charge(Primitive::VlanHop, frame.packet_len());
        }
        self.ip_receive(env, netns, iface, frame);
    }

    /// Carries on with frames that crossed into another namespace, within the running pass.
    fn carry_on(&mut self, env: &mut Env<'_, '_>, core: CoreId) {
        for _ in 0..ROUND {
            let Some((ingress, frame)) = self.cores[core].pop_backlog() else {
                break;
            };
            self.enter(env, ingress, frame);
        }
    }

    /// Tells a program's core what happened, at the time that the running pass has come to.
    pub(super) fn notify(&mut self, env: &mut Env<'_, '_>, event: SocketEvent) {
        let app = event.owner();
        let slot = &self.apps[app];
        let asleep = !slot.queued && !slot.computing && slot.notified == 0 && slot.app.is_some();
        if asleep {
            self.meter.charge(Primitive::Wakeup, 0);
        }
        let at = self.meter.now();
        if self.meter.core() == Some(slot.core) || at == env.ctx.now() {
            self.wake(env, app, AppEvent::Socket(event));
        } else {
            self.apps[app].notified += 1;
            let entity = self.app_entity(app);
            env.ctx.schedule(entity, at, Event::Notify { event });
        }
    }

    /// Puts an event in a program's inbox and the program in its core's run queue.
    pub(super) fn wake(&mut self, env: &mut Env<'_, '_>, app: AppId, event: AppEvent) {
        let slot = &mut self.apps[app];
        // One notice that datagrams wait is as good as many.
        let datagrams = matches!(event, AppEvent::Socket(SocketEvent::UdpReadable { .. }));
        if !(datagrams && slot.inbox.contains(&event)) {
            slot.inbox.push_back(event);
        }
        if slot.queued || slot.computing {
            return;
        }
        slot.queued = true;
        let core = slot.core;
        self.cores[core].push_app(app);
        if self.meter.core() != Some(core) {
            self.kick(env, core, env.ctx.now());
        }
    }

    /// Runs a program on what is in its inbox, until it computes or has nothing left.
    fn run_app(
        &mut self,
        env: &mut Env<'_, '_>,
        core: CoreId,
        app: AppId,
        first: Option<AppEvent>,
    ) {
        if self.cores[core].last_app != Some(app) {
            self.meter.charge(Primitive::ContextSwitch, 0);
            self.cores[core].last_app = Some(app);
        }
        let mut program = self.apps[app]
            .app
            .take()
            .expect("a program runs once at a time");
        let mut next = first;
        while let Some(event) = next.take().or_else(|| self.apps[app].inbox.pop_front()) {
            program.on_event(event, &mut Os::new(self, env, app));
            self.carry_on(env, core);
            if self.apps[app].computing {
                break;
            }
        }
        let slot = &mut self.apps[app];
        slot.app = Some(program);
        slot.queued = false;
    }

    /// Starts a computation of a program that runs now.
    pub(crate) fn compute(&mut self, app: AppId, tag: FlowTag, time: SimDuration, token: u32) {
        self.meter.hops.add(tag, Component::Application, time);
        let core = self.apps[app].core;
        self.apps[app].computing = true;
        self.cores[core].push_slice(app, token, time);
    }
}
