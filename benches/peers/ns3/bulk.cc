// W1: one flow between two hosts joined by a bridge.
#include "common.h"

using namespace ns3;

namespace {

uint64_t g_left = 0;

void Fill(Ptr<Socket> socket, uint32_t available) {
  while (g_left > 0 && available > 0) {
    const uint32_t part = uint32_t(std::min<uint64_t>({g_left, available, 64 * 1024}));
    const int sent = socket->Send(Create<Packet>(part));
    if (sent <= 0) return;
    g_left -= uint64_t(sent);
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
  uint64_t bytes = 256ull << 20;
  CommandLine command;
  command.AddValue("bytes", "octets to move", bytes);
  command.Parse(argc, argv);
  g_left = bytes;
  peer::Configure(4 << 20);

  NodeContainer hosts;
  hosts.Create(2);
  peer::Install(hosts);
  auto addresses = peer::Number(peer::Star(hosts), "10.0.0.0", "255.255.255.0");
  peer::Count(hosts);

  auto server = Socket::CreateSocket(hosts.Get(1), TcpSocketFactory::GetTypeId());
  server->Bind(InetSocketAddress(Ipv4Address::GetAny(), 5001));
  server->Listen();
  server->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(), MakeCallback(&Accept));

  auto client = Socket::CreateSocket(hosts.Get(0), TcpSocketFactory::GetTypeId());
  client->SetSendCallback(MakeCallback(&Fill));
  client->SetConnectCallback(MakeCallback(&Begin), MakeNullCallback<void, Ptr<Socket>>());
  client->Connect(InetSocketAddress(addresses.GetAddress(1), 5001));
  peer::Run("bulk", Seconds(60));
}
