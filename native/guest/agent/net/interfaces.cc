#include "interfaces.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/file.h"
#include "common/sys-error.h"

namespace mocker {
namespace {

void writeSetting(const Fd& settings, const std::string& name, const char* value) {
  const Fd file(::openat(settings.get(), name.c_str(), O_WRONLY | O_CLOEXEC));
  if (file) writeFully(file.get(), value);
}

/** `02:42:ac:11:00:02` */
std::string macText(const char* mac) {
  char text[18];
  const auto byte = [&](int i) { return static_cast<unsigned>(static_cast<unsigned char>(mac[i])); };
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", byte(0), byte(1), byte(2), byte(3), byte(4), byte(5));
  return text;
}

in_addr ipv4(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) throw std::runtime_error("\"" + text + "\" is no IPv4 address");
  return address;
}

/** `172.18.0.2/16` */
struct Network {
  in_addr address;
  in_addr mask;

  explicit Network(const std::string& text) {
    const auto slash = text.find('/');
    const int bits = slash == std::string::npos ? -1 : std::atoi(text.c_str() + slash + 1);
    if (bits < 1 || bits > 32) throw std::runtime_error("\"" + text + "\" is no address with the length of its prefix");
    address = ipv4(text.substr(0, slash));
    mask.s_addr = htonl(~uint32_t{0} << (32 - bits));
  }
};

void setAddress(sockaddr& target, in_addr address) {
  sockaddr_in internet{};
  internet.sin_family = AF_INET;
  internet.sin_addr = address;
  std::memcpy(&target, &internet, sizeof target);
}

/** An interface by its name, through the requests of netdevice(7). */
class Interface {
 public:
  Interface(int socket, const std::string& name) : socket_(socket) {
    name.copy(name_, sizeof name_ - 1);
  }

  std::string name() const { return name_; }

  std::string mac() const {
    ifreq request = named();
    if (::ioctl(socket_, SIOCGIFHWADDR, &request) != 0) return {};
    return macText(request.ifr_hwaddr.sa_data);
  }

  void rename(const std::string& name) {
    ifreq request = named();
    name.copy(request.ifr_newname, sizeof request.ifr_newname - 1);
    if (::ioctl(socket_, SIOCSIFNAME, &request) != 0) throwErrno("cannot be named");
    *this = Interface(socket_, name);
  }

  void setMtu(int mtu) {
    ifreq request = named();
    request.ifr_mtu = mtu;
    if (::ioctl(socket_, SIOCSIFMTU, &request) != 0) throwErrno("MTU " + std::to_string(mtu));
  }

  void setNetwork(const Network& network) {
    ifreq request = named();
    setAddress(request.ifr_addr, network.address);
    if (::ioctl(socket_, SIOCSIFADDR, &request) != 0) throwErrno("cannot set its address");
    setAddress(request.ifr_netmask, network.mask);
    if (::ioctl(socket_, SIOCSIFNETMASK, &request) != 0) throwErrno("cannot set its network mask");
  }

  void up() {
    ifreq request = named();
    if (::ioctl(socket_, SIOCGIFFLAGS, &request) != 0) throwErrno("cannot be brought up");
    request.ifr_flags |= IFF_UP;
    if (::ioctl(socket_, SIOCSIFFLAGS, &request) != 0) throwErrno("cannot be brought up");
  }

  void addDefaultRoute(in_addr gateway) {
    rtentry route{};
    setAddress(route.rt_dst, {});
    setAddress(route.rt_genmask, {});
    setAddress(route.rt_gateway, gateway);
    route.rt_flags = RTF_UP | RTF_GATEWAY;
    route.rt_dev = name_;
    if (::ioctl(socket_, SIOCADDRT, &route) != 0) throwErrno("cannot set the default route");
  }

 private:
  ifreq named() const {
    ifreq request{};
    std::memcpy(request.ifr_name, name_, sizeof request.ifr_name);
    return request;
  }

  int socket_;
  char name_[IFNAMSIZ] = {};
};

std::vector<Interface> allInterfaces(int socket) {
  std::vector<Interface> all;
  struct if_nameindex* const list = ::if_nameindex();
  if (!list) throwErrno("the list of network cards");
  for (auto* entry = list; entry->if_index != 0; ++entry) all.emplace_back(socket, entry->if_name);
  ::if_freenameindex(list);
  return all;
}

std::optional<Interface> findCard(const std::vector<Interface>& all, const std::string& mac) {
  for (const auto& interface : all) {
    if (interface.mac() == mac) return interface;
  }
  return std::nullopt;
}

void setUp(Interface& interface, const Json& wanted, const Fd& settings) {
  const auto ipv6 = "ipv6/conf/" + interface.name() + "/";
  // No network has it: nothing is to wait for a router's answer or for the check of a link-local address.
  writeSetting(settings, ipv6 + "disable_ipv6", "1");
  // An ARP packet as it comes up: passt learns from a guest's first frame where to send what comes in.
  writeSetting(settings, "ipv4/conf/" + interface.name() + "/arp_notify", "1");
  interface.setMtu(static_cast<int>(integerOr(wanted, "mtu", 1500)));
  interface.setNetwork(Network(stringOr(wanted, "address", "")));
  interface.up();
  const auto gateway = stringOr(wanted, "gateway", "");
  if (!gateway.empty()) interface.addDefaultRoute(ipv4(gateway));
}

}  // namespace

void setUpInterfaces(const Json& interfaces, const Fd& settings) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) throwErrno("a socket for the network's settings");
  const auto all = allInterfaces(socket.get());
  std::vector<Interface> found;
  size_t index = 0;
  try {
    for (const auto& wanted : interfaces) {
      if (!wanted.is_object()) throw std::runtime_error("must be an object");
      auto mac = stringOr(wanted, "mac", "");
      for (char& c : mac) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      auto card = findCard(all, mac);
      if (!card) throw std::runtime_error("the machine has no card with the address " + mac);
      // Out of the way first: another one may have the name that this one is to get.
      card->rename("card" + std::to_string(index++));
      found.push_back(*card);
    }
    for (index = 0; index < found.size(); ++index) {
      found[index].rename("eth" + std::to_string(index));
      setUp(found[index], interfaces[index], settings);
    }
  } catch (const std::exception& error) {
    throw std::runtime_error("network card eth" + std::to_string(index) + ": " + error.what());
  }
}

void allowUnprivileged(const Fd& settings) {
  writeSetting(settings, "ipv4/ip_unprivileged_port_start", "0");
  writeSetting(settings, "ipv4/ping_group_range", "0 2147483647");
}

}  // namespace mocker
