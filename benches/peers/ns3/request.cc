// W2: closed-loop requests of 100 octets and answers of 1 KiB, one connection for each pair:
// container - bridge - router - bridge - container.
#include "common.h"

using namespace ns3;

namespace {

constexpr uint32_t kRequest = 100;
constexpr uint32_t kResponse = 1024;

uint64_t g_left = 0; // requests that may still be made

class Client {
 public:
  Client(Ptr<Node> node, Address server) {
    socket_ = Socket::CreateSocket(node, TcpSocketFactory::GetTypeId());
    socket_->SetConnectCallback(MakeCallback(&Client::Ask, this), MakeNullCallback<void, Ptr<Socket>>());
    socket_->SetRecvCallback(MakeCallback(&Client::Read, this));
    socket_->Connect(server);
  }

 private:
  void Ask(Ptr<Socket>) {
    if (g_left == 0) return;
    --g_left;
    wanted_ = kResponse;
    socket_->Send(Create<Packet>(kRequest));
  }

  void Read(Ptr<Socket>) {
    while (Ptr<Packet> packet = socket_->Recv()) {
      peer::g_bytes += packet->GetSize();
      wanted_ -= std::min(wanted_, packet->GetSize());
      if (wanted_ == 0) Ask(socket_);
    }
  }

  Ptr<Socket> socket_;
  uint32_t wanted_ = 0;
};

// Answers one request for every kRequest octets; a connection has one request under way.
void Serve(Ptr<Socket> socket) {
  while (Ptr<Packet> packet = socket->Recv()) {
    peer::g_bytes += packet->GetSize();
    socket->Send(Create<Packet>(kResponse));
  }
}

void Accept(Ptr<Socket> socket, const Address&) { socket->SetRecvCallback(MakeCallback(&Serve)); }

}  // namespace

int main(int argc, char** argv) {
  uint32_t pairs = 10;
  uint64_t requests = 200000;
  CommandLine command;
  command.AddValue("pairs", "clients, each with a server of its own", pairs);
  command.AddValue("requests", "requests of all together", requests);
  command.Parse(argc, argv);
  g_left = requests;
  peer::Configure(16 << 10);

  NodeContainer clients, servers, routers;
  clients.Create(pairs);
  servers.Create(pairs);
  routers.Create(1);
  Ptr<Node> router = routers.Get(0);
  peer::Install(NodeContainer(clients, servers, routers));
  auto left = peer::Number(peer::Star(NodeContainer(clients, routers)), "10.1.0.0", "255.255.0.0");
  auto right = peer::Number(peer::Star(NodeContainer(servers, routers)), "10.2.0.0", "255.255.0.0");
  Ipv4StaticRoutingHelper routing;
  for (uint32_t n = 0; n < pairs; ++n) {
    auto route = [&](Ptr<Node> node, Ipv4Address gateway) {
      routing.GetStaticRouting(node->GetObject<Ipv4>())->SetDefaultRoute(gateway, 1);
    };
    route(clients.Get(n), left.GetAddress(pairs));
    route(servers.Get(n), right.GetAddress(pairs));
  }
  peer::Count(NodeContainer(clients, servers));

  std::vector<std::unique_ptr<Client>> programs;
  for (uint32_t n = 0; n < pairs; ++n) {
    auto server = Socket::CreateSocket(servers.Get(n), TcpSocketFactory::GetTypeId());
    server->Bind(InetSocketAddress(Ipv4Address::GetAny(), 8080));
    server->Listen();
    server->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(), MakeCallback(&Accept));
    programs.push_back(std::make_unique<Client>(clients.Get(n), InetSocketAddress(right.GetAddress(n), 8080)));
  }
  (void)router;
  peer::Run("request", Seconds(600));
}
