// W3: many clients, one flow each to a few servers behind one link.
#include "common.h"

using namespace ns3;

namespace {

void Fill(Ptr<Socket> socket, uint32_t available) {
  while (available > 0) {
    const int sent = socket->Send(Create<Packet>(std::min<uint32_t>(available, 64 * 1024)));
    if (sent <= 0) return;
    available = socket->GetTxAvailable();
  }
}

void Begin(Ptr<Socket> socket) { Fill(socket, socket->GetTxAvailable()); }

void Read(Ptr<Socket> socket) {
  while (Ptr<Packet> packet = socket->Recv()) peer::g_bytes += packet->GetSize();
}

void Accept(Ptr<Socket> socket, const Address&) { socket->SetRecvCallback(MakeCallback(&Read)); }

}  // namespace

int main(int argc, char** argv) {
  uint32_t clients = 1000, servers = 10;
  double seconds = 0.2;
  CommandLine command;
  command.AddValue("clients", "clients, one flow each", clients);
  command.AddValue("servers", "servers", servers);
  command.AddValue("seconds", "simulated time", seconds);
  command.Parse(argc, argv);
  peer::Configure(4 << 20);

  NodeContainer left, right, routers;
  left.Create(clients);
  right.Create(servers);
  routers.Create(2);
  peer::Install(NodeContainer(left, right, routers));
  auto near = peer::Number(peer::Star(NodeContainer(left, NodeContainer(routers.Get(0)))), "10.1.0.0", "255.255.0.0");
  auto far = peer::Number(peer::Star(NodeContainer(right, NodeContainer(routers.Get(1)))), "10.2.0.0", "255.255.0.0");
  auto link = peer::Link();
  auto core = peer::Number(link.Install(routers), "10.3.0.0", "255.255.255.0");
  Ipv4StaticRoutingHelper routing;
  auto route = [&](Ptr<Node> node, Ipv4Address gateway, uint32_t interface) {
    routing.GetStaticRouting(node->GetObject<Ipv4>())->SetDefaultRoute(gateway, interface);
  };
  for (uint32_t n = 0; n < clients; ++n) route(left.Get(n), near.GetAddress(clients), 1);
  for (uint32_t n = 0; n < servers; ++n) route(right.Get(n), far.GetAddress(servers), 1);
  route(routers.Get(0), core.GetAddress(1), 2);
  route(routers.Get(1), core.GetAddress(0), 2);
  peer::Count(NodeContainer(left, right));

  for (uint32_t n = 0; n < servers; ++n) {
    auto server = Socket::CreateSocket(right.Get(n), TcpSocketFactory::GetTypeId());
    server->Bind(InetSocketAddress(Ipv4Address::GetAny(), 5001));
    server->Listen();
    server->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(), MakeCallback(&Accept));
  }
  std::vector<Ptr<Socket>> sockets;
  for (uint32_t n = 0; n < clients; ++n) {
    auto client = Socket::CreateSocket(left.Get(n), TcpSocketFactory::GetTypeId());
    client->SetSendCallback(MakeCallback(&Fill));
    client->SetConnectCallback(MakeCallback(&Begin), MakeNullCallback<void, Ptr<Socket>>());
    client->Connect(InetSocketAddress(far.GetAddress(n % servers), 5001));
    sockets.push_back(client);
  }
  peer::Run("incast", Seconds(seconds));
}
