#include "host/os/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

#include "common/sys-error.h"

namespace mocker {

Fd makeTap(const std::array<uint8_t, 6>& mac) {
  Fd tap(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!tap) throwErrno("cannot open /dev/net/tun, which the simulation's networks need");
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (::ioctl(tap.get(), TUNSETIFF, &request) != 0) throwErrno("cannot make a tap");
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::copy(mac.begin(), mac.end(), request.ifr_hwaddr.sa_data);
  if (::ioctl(tap.get(), SIOCSIFHWADDR, &request) != 0) throwErrno("cannot set a tap's address");
  return tap;
}

void setTapLink(int tap, bool up) {
  int carrier = up ? 1 : 0;
  ::ioctl(tap, TUNSETCARRIER, &carrier);
}

}  // namespace mocker
