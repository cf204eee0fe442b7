#include "configure.h"

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <stdexcept>

#include "common/sys-error.h"
#include "kernel-settings.h"
#include "net/interfaces.h"
#include "rootfs/etc-files.h"
#include "rootfs/kernel-file-systems.h"
#include "rootfs/root-file-system.h"
#include "rootfs/volumes.h"

namespace mocker {
namespace {

/**
 * Brings `lo` up if it is down, as it is in a new network namespace; the host's, which the simulation shares,
 * has it up.
 */
void loopbackUp() {
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0 || (request.ifr_flags & IFF_UP)) return;
  request.ifr_flags |= IFF_UP;
  ::ioctl(socket.get(), SIOCSIFFLAGS, &request);
}

/** A guest's clock starts from what the VMM shows it; only a real difference is worth a jump. */
void setClock(int64_t unixNs) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const int64_t nowNs = static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
  if (unixNs <= 0 || std::llabs(unixNs - nowNs) <= 1000000000) return;
  const timespec then{static_cast<time_t>(unixNs / 1000000000), static_cast<long>(unixNs % 1000000000)};
  ::clock_settime(CLOCK_REALTIME, &then);
}

/** A kernel's own limit for PID 1 is 1024:4096; distributions' (and so Docker's) is 1024:524288. */
void raiseOpenFiles() {
  const rlimit limit{1024, 524288};
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/** The settings of this machine's own network namespace: the simulation's /proc is still the host's here. */
Fd openNetworkSettings(const Machine& machine) {
  if (machine.simulation) return Fd(::open("/proc/sys/net", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return Fd(::openat(machine.proc.get(), "sys/net", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

void configureNetwork(const Json& params, const Machine& machine) {
  const auto found = params.find("interfaces");
  const bool hasInterfaces = found != params.end() && found->is_array() && !found->empty();
  // A simulation without interfaces may be in the host's network namespace.
  if (machine.simulation && !hasInterfaces) return;
  const Fd settings = openNetworkSettings(machine);
  allowUnprivileged(settings, machine.gids.last());
  if (hasInterfaces) setUpInterfaces(*found, settings);
}

/** What is mounted below can be written as before. */
void makeReadOnly(const char* path) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(AT_FDCWD, path, 0, &attributes, sizeof attributes) != 0) throwErrno("cannot make the root read-only");
}

}  // namespace

void configure(const Json& params, Machine& machine) {
  if (machine.configured) throw std::runtime_error("the machine is configured already");
  const Json* rootfs = objectOrNull(params, "rootfs");
  if (!rootfs) throw std::runtime_error("rootfs: must be an object");
  const auto hostname = stringOr(params, "hostname", "");
  if (!hostname.empty() && ::sethostname(hostname.data(), hostname.size()) != 0) {
    throwErrno("cannot set the hostname \"" + hostname + "\"");
  }
  if (!machine.simulation) {
    // timeUnixNs is beyond 2^53: a number that went through JavaScript is as exact as a clock needs.
    const auto time = params.find("timeUnixNs");
    if (time != params.end() && time->is_number()) setClock(time->get<int64_t>());
    if (time != params.end() && time->is_string()) setClock(std::atoll(time->get<std::string>().c_str()));
    raiseOpenFiles();
  }
  const auto domainname = stringOr(params, "domainname", "");
  if (!domainname.empty() && ::setdomainname(domainname.data(), domainname.size()) != 0) {
    throwErrno("cannot set the domain name \"" + domainname + "\"");
  }
  loopbackUp();

  const std::string mountPoint = mountRoot(*rootfs, machine);
  const RootTree root(Fd(::open(mountPoint.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)));
  if (root.fd() < 0) throwErrno(mountPoint);
  mountKernelFileSystems(root, machine, integerOr(params, "shmSizeBytes", 0));
  configureNetwork(params, machine);
  applySettings(params, machine);
  writeEtcFiles(params, hostname, domainname, root);
  const auto mounts = params.find("mounts");
  if (mounts != params.end() && mounts->is_array()) mountVolumes(*mounts, root, machine);
  switchRoot(mountPoint);
  if (flagOr(params, "readOnlyRoot", false)) makeReadOnly("/");
  limitThreads(integerOr(params, "pidsLimit", 0), machine);
  const bool hasVolumes = mounts != params.end() && !mounts->empty();
  machine.disposable = flagOr(params, "disposable", false) && !hasVolumes;
  machine.configured = true;
}

}  // namespace mocker
