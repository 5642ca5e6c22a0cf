// What the three workloads share: the settings of TCP, the links, the count of packets, the figures.
#pragma once

#include <ctime>
#include <iostream>
#include <string>

#include <sys/resource.h>

#include "ns3/applications-module.h"
#include "ns3/bridge-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/traffic-control-module.h"

namespace peer {

inline uint64_t g_packets = 0; // delivered to end hosts: data and acknowledgements
inline uint64_t g_bytes = 0;   // payload delivered to programs

// The settings that make ns-3 fast without making it wrong: no checksums, no queue discs, no traces but
// the count of packets. TCP as ecsnet has it: CUBIC, segments of 1448 octets, SACK and timestamps,
// retransmission timeouts from 200 ms, acknowledgements delayed by 40 ms.
inline void Configure(uint32_t buffer) {
  using namespace ns3;
  GlobalValue::Bind("ChecksumEnabled", BooleanValue(false));
  Config::SetDefault("ns3::TcpL4Protocol::SocketType", StringValue("ns3::TcpCubic"));
  Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));
  Config::SetDefault("ns3::TcpSocket::InitialCwnd", UintegerValue(10));
  Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(buffer));
  Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(buffer));
  Config::SetDefault("ns3::TcpSocket::DelAckTimeout", TimeValue(MilliSeconds(40)));
  Config::SetDefault("ns3::TcpSocketBase::MinRto", TimeValue(MilliSeconds(200)));
  Config::SetDefault("ns3::TcpSocketBase::Sack", BooleanValue(true));
  Config::SetDefault("ns3::TcpSocketBase::Timestamp", BooleanValue(true));
}

inline ns3::SimpleNetDeviceHelper Link() {
  using namespace ns3;
  SimpleNetDeviceHelper link;
  // Not the point-to-point mode: it needs no ARP and sends everything to the broadcast address, which a
  // bridge copies to all ports.
  link.SetNetDevicePointToPointMode(false);
  link.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", StringValue("1000p"));
  link.SetDeviceAttribute("DataRate", StringValue("10Gbps"));
  link.SetChannelAttribute("Delay", StringValue("10us"));
  return link;
}

// Internet stacks without IPv6 and without queue discs.
inline void Install(ns3::NodeContainer nodes) {
  ns3::InternetStackHelper stack;
  stack.SetIpv6StackInstall(false);
  stack.Install(nodes);
}

inline ns3::Ipv4InterfaceContainer Number(ns3::NetDeviceContainer devices, const char* network,
                                          const char* mask) {
  ns3::Ipv4AddressHelper addresses;
  addresses.SetBase(network, mask);
  auto interfaces = addresses.Assign(devices);
  // The helper installs the default queue disc; the device's own queue is what both sides have.
  ns3::TrafficControlHelper none;
  for (uint32_t n = 0; n < devices.GetN(); ++n) {
    auto layer = devices.Get(n)->GetNode()->GetObject<ns3::TrafficControlLayer>();
    if (layer && layer->GetRootQueueDiscOnDevice(devices.Get(n)) != nullptr) none.Uninstall(devices.Get(n));
  }
  return interfaces;
}

// Joins hosts by a bridge: a node with one simple device for each of them.
inline ns3::NetDeviceContainer Star(ns3::NodeContainer hosts) {
  using namespace ns3;
  auto link = Link();
  Ptr<Node> hub = CreateObject<Node>();
  NetDeviceContainer ends, ports;
  for (uint32_t n = 0; n < hosts.GetN(); ++n) {
    NodeContainer pair(hosts.Get(n), hub);
    auto devices = link.Install(pair);
    ends.Add(devices.Get(0));
    ports.Add(devices.Get(1));
  }
  BridgeHelper bridge;
  bridge.Install(hub, ports);
  return ends;
}

inline void CountDelivery(const ns3::Ipv4Header&, ns3::Ptr<const ns3::Packet>, uint32_t) { ++g_packets; }

// Counts the packets that reach these hosts' own transport.
inline void Count(ns3::NodeContainer hosts) {
  for (uint32_t n = 0; n < hosts.GetN(); ++n) {
    auto ip = hosts.Get(n)->GetObject<ns3::Ipv4L3Protocol>();
    ip->TraceConnectWithoutContext("LocalDeliver", ns3::MakeCallback(&CountDelivery));
  }
}

// Runs the world and prints one line of JSON.
inline void Run(const char* workload, ns3::Time until) {
  using namespace ns3;
  timespec before{}, after{};
  Simulator::Stop(until);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  Simulator::Run();
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  const double cpu = double(after.tv_sec - before.tv_sec) + 1e-9 * double(after.tv_nsec - before.tv_nsec);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::cout << "{\"workload\":\"" << workload << "\",\"packets\":" << g_packets << ",\"bytes\":" << g_bytes
            << ",\"events\":" << Simulator::GetEventCount() << ",\"cpu_s\":" << cpu
            << ",\"simulated_s\":" << Simulator::Now().GetSeconds() << ",\"max_rss_kib\":" << usage.ru_maxrss
            << "}" << std::endl;
  Simulator::Destroy();
}

}  // namespace peer
