//! Dense identifiers. Each is local to the thing that owns the table it indexes: a namespace to its
//! machine, an interface to its namespace, a connection to its namespace's stack.

use sim_core::id_type;

id_type!(
    /// A network namespace of one machine.
    NetnsId
);
id_type!(
    /// A network interface of one namespace.
    IfaceId
);
id_type!(
    /// A Linux bridge of one machine.
    BridgeId
);
id_type!(
    /// A port of one bridge.
    BridgePortId
);
id_type!(
    /// An elastic network interface attached to one machine.
    EniId
);
id_type!(
    /// A TCP connection of one namespace.
    ConnId
);
id_type!(
    /// A listening TCP socket of one namespace.
    ListenerId
);
id_type!(
    /// A bound UDP socket of one namespace.
    UdpId
);
id_type!(
    /// A program that runs on one machine.
    AppId
);
id_type!(
    /// A core of one machine.
    CoreId
);
id_type!(
    /// A workload of the plan, a call that its servers make, or a probe: what a frame is accounted to.
    FlowTag
);
