//! Packets of one super-frame on their way together (see [`crate::offload::Train`]).

use sim_core::{EventKey, PartitionId, SimTime};

use super::{Env, Event, Load, Machine, Message};
use crate::cpu::{Component, Descriptor};
use crate::eni::{EgressOutcome, IngressOutcome};
use crate::frame::{Frame, PacketView};
use crate::headers;
use crate::ids::{CoreId, EniId};
use crate::offload::{self, Train, TrainSlot};
use crate::verdict::DropReason;
use crate::vpc::{Transit, Translation};

/// Packets of a super-frame that leave one after another, and nothing between them.
struct Leaving {
    /// Number of the first.
    first: usize,
    /// When each arrives.
    arrivals: Vec<SimTime>,
    /// Where.
    to: Option<Destination>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Destination {
    machine: PartitionId,
    eni: EniId,
    translation: Translation,
    internet: bool,
}

impl Machine {
    /// Offers the packets of a super-frame to an interface's queue, and through it to the fabric.
    pub(super) fn offer_train(&mut self, env: &mut Env<'_, '_>, eni: EniId, mut frame: Frame) {
        self.look_outside(eni, &mut frame);
        let now = env.ctx.now();
        let headers = headers::tcp_headers_len(&frame.data).expect("a super-frame is of TCP");
        let segment = usize::from(frame.meta.segment);
        let payload = frame.data.len() - headers;
        let mut leaving = Leaving {
            first: 0,
            arrivals: env.worker.take_times(),
            to: None,
        };
        let packets = payload.div_ceil(segment);
        let mut passed = false;
        for index in 0..packets {
            let view = PacketView {
                header: &frame.data,
                len: headers + segment.min(payload - index * segment),
                meta: &frame.meta,
            };
            let device = &mut self.enis[eni];
            let allowance = &mut self.allowance;
            let outcome = match passed {
                true => device.eni.egress_again(allowance, now, &view),
                false => device.eni.egress_packet(allowance, now, &view),
            };
            passed |= !matches!(outcome, EgressOutcome::Drop(_));
            if let EgressOutcome::Depart(at) = outcome {
                self.meter
                    .hops
                    .add(frame.meta.tag, Component::TxQueue, at - now);
                match self.transit_of_train(eni, at, &view) {
                    Ok((to, arrival)) => {
                        if self.account.captured.is_some() {
                            let packet = offload::packet(&frame, index, &mut env.worker.frames);
                            self.capture(at, eni, &packet, None);
                            env.worker.frames.give(packet);
                        }
                        if leaving.to.is_some_and(|before| before != to) {
                            self.send_train(env, eni, &frame, &mut leaving);
                        }
                        if leaving.arrivals.is_empty() {
                            (leaving.first, leaving.to) = (index, Some(to));
                        }
                        leaving.arrivals.push(arrival);
                    }
                    Err(reason) => {
                        self.send_train(env, eni, &frame, &mut leaving);
                        let packet = offload::packet(&frame, index, &mut env.worker.frames);
                        self.leave(env, eni, packet, EgressOutcome::Drop(reason));
                    }
                }
            } else {
                self.send_train(env, eni, &frame, &mut leaving);
                let packet = offload::packet(&frame, index, &mut env.worker.frames);
                self.leave(env, eni, packet, outcome);
            }
        }
        if leaving.arrivals.len() == packets {
            let arrivals = std::mem::take(&mut leaving.arrivals);
            let to = leaving.to.expect("packets go somewhere");
            self.send_load(env, eni, to, Train { frame, arrivals });
        } else {
            self.send_train(env, eni, &frame, &mut leaving);
            env.worker.frames.give(frame);
            env.worker.give_times(leaving.arrivals);
        }
    }

    fn transit_of_train(
        &mut self,
        eni: EniId,
        at: SimTime,
        packet: &PacketView<'_>,
    ) -> Result<(Destination, SimTime), DropReason> {
        let device = &mut self.enis[eni];
        let dst = headers::dst_addr(packet.header);
        let dst = device.eni.resolve(packet.meta.next_hop, dst);
        let packet_len = (packet.header, packet.len);
        match device
            .port
            .transit_packet(&self.fabric, at, dst, packet_len)
        {
            Transit::Arrive {
                machine,
                eni: to,
                at: arrival,
                translation,
                internet,
            } => {
                device.counts.departed += 1;
                self.meter
                    .hops
                    .add(packet.meta.tag, Component::Fabric, arrival - at);
                let to = Destination {
                    machine,
                    eni: to,
                    translation,
                    internet,
                };
                Ok((to, arrival))
            }
            Transit::Drop(reason) => Err(reason),
        }
    }

    /// Sends what is leaving so far, a copy of a part of the super-frame.
    fn send_train(
        &mut self,
        env: &mut Env<'_, '_>,
        eni: EniId,
        frame: &Frame,
        leaving: &mut Leaving,
    ) {
        let Some(to) = leaving.to.take() else {
            return;
        };
        let mut arrivals = env.worker.take_times();
        std::mem::swap(&mut arrivals, &mut leaving.arrivals);
        let last = leaving.first + arrivals.len();
        let mut part = env.worker.frames.take(frame.data.len(), frame.meta);
        offload::cut_several(frame, leaving.first..last, &mut part.data);
        let train = Train {
            frame: part,
            arrivals,
        };
        self.send_load(env, eni, to, train);
    }

    fn send_load(&mut self, env: &mut Env<'_, '_>, eni: EniId, to: Destination, train: Train) {
        let Train {
            mut frame,
            arrivals,
        } = train;
        to.translation.apply(&mut frame.data);
        frame.meta.internet = to.internet;
        let entity = self.eni_entity(eni);
        if let [at] = arrivals[..] {
            frame.meta.segment = 0;
            env.worker.give_times(arrivals);
            let load = Load::Packet(frame);
            let message = Message { eni: to.eni, load };
            return env.ctx.send(entity, to.machine, at, message);
        }
        // The receiver needs the list that this one is made of.
        let mut times = env.worker.take_times();
        times.extend_from_slice(&arrivals);
        let load = Load::Train(Train {
            frame,
            arrivals: times,
        });
        let message = Message { eni: to.eni, load };
        env.ctx.send_run(entity, to.machine, &arrivals, message);
        env.worker.give_times(arrivals);
    }

    /// The next packet of a train has crossed the fabric, and those after it as long as nothing else
    /// happens before.
    pub(super) fn on_arrive_train(&mut self, env: &mut Env<'_, '_>, eni: EniId, slot: TrainSlot) {
        let event = Event::ArriveTrain { eni, train: slot };
        self.trains.hold(slot);
        loop {
            self.arrive_of_train(env, eni, slot);
            let train = self.trains.get(slot);
            let Some(&at) = train.train.arrivals.get(train.next) else {
                break;
            };
            let now = env.ctx.key();
            let key = EventKey {
                at,
                seq: now.seq + 1,
                ..now
            };
            if !env.ctx.goes_on(key, sim_core::EventCode::code(&event)) {
                env.ctx.put_back(key, event);
                break;
            }
            self.measure_at(at);
        }
        self.trains.taken(slot);
        self.forget_train(env, slot);
    }

    fn arrive_of_train(&mut self, env: &mut Env<'_, '_>, eni: EniId, slot: TrainSlot) {
        let now = env.ctx.now();
        let arriving = self.trains.get(slot);
        let (index, meta) = (arriving.next, arriving.train.frame.meta);
        let view = PacketView {
            header: &arriving.train.frame.data,
            len: arriving.packet_len(index),
            meta: &arriving.train.frame.meta,
        };
        let device = &mut self.enis[eni];
        let outcome = device.eni.ingress_packet(&mut self.allowance, now, &view);
        let src = headers::src_addr(view.header);
        let plain = !device.virtio && self.nat.is_none() && device.eni.ttl_from(src).is_none();
        let hash = arriving.hash;
        let core = self.receive_core(|| hash);
        match outcome {
            IngressOutcome::Arrive(at) if plain && at == now && self.ring_has_room(eni, core) => {
                self.meter.hops.add(meta.tag, Component::RxQueue, at - now);
                if self.account.captured.is_some() {
                    let packet = arriving.packet(index, &mut env.worker.frames);
                    self.capture(now, eni, &packet, None);
                    env.worker.frames.give(packet);
                }
                self.trains.arrived(slot, true);
                let packet = Descriptor::OfTrain(slot, index);
                self.push_ring(env, (eni, core), packet, meta.tag);
            }
            IngressOutcome::Arrive(at) => {
                let packet = arriving.packet(index, &mut env.worker.frames);
                self.trains.arrived(slot, false);
                self.let_in(env, eni, packet, at);
            }
            IngressOutcome::Drop(reason) => {
                let packet = arriving.packet(index, &mut env.worker.frames);
                self.trains.arrived(slot, false);
                self.enis[eni].counts.dropped_in += 1;
                self.drop_frame(env, packet, reason);
            }
        }
    }

    /// A packet of a train leaves its ring as a frame of its own.
    pub(super) fn take_of_train(
        &mut self,
        env: &mut Env<'_, '_>,
        slot: TrainSlot,
        index: usize,
    ) -> Frame {
        let train = self.trains.get(slot);
        let frame = train.packet(index, &mut env.worker.frames);
        self.trains.taken(slot);
        self.forget_train(env, slot);
        frame
    }

    /// A packet of a train leaves its ring, to be put together with others.
    pub(super) fn put_together(
        &mut self,
        env: &mut Env<'_, '_>,
        (eni, core): (EniId, CoreId),
        (slot, index): (TrainSlot, usize),
        since: SimTime,
    ) {
        let train = self.trains.get(slot);
        let (tag, len) = (train.train.frame.meta.tag, train.packet_len(index));
        self.pay_for_packet((eni, core), tag, len, since);
        let pool = &mut env.worker.frames;
        let train = self.trains.get(slot);
        self.gro
            .receive_of_train(eni, (train, index), pool, &mut self.received);
        self.trains.taken(slot);
        self.forget_train(env, slot);
    }

    fn forget_train(&mut self, env: &mut Env<'_, '_>, slot: TrainSlot) {
        if let Some(Train { frame, arrivals }) = self.trains.forget(slot) {
            env.worker.frames.give(frame);
            env.worker.give_times(arrivals);
        }
    }
}
