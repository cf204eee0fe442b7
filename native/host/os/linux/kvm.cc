#include "host/os/kvm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mocker {

KvmStatus kvmStatus() {
  const int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    switch (errno) {
      case ENOENT:
        return {false, "/dev/kvm does not exist",
                "Enable virtualisation (VT-x or AMD-V) in the firmware and load kvm_intel or kvm_amd; in a "
                "container or VM, pass /dev/kvm in or enable nested virtualisation."};
      case EACCES:
      case EPERM:
        return {false, "/dev/kvm may not be opened by this user",
                "Add yourself to the group that owns it (usually: sudo usermod -aG kvm $USER) and log in again."};
      default:
        return {false, std::string("/dev/kvm cannot be opened: ") + std::strerror(errno),
                "Load kvm_intel or kvm_amd, and see what the kernel log says about kvm."};
    }
  }
  const int version = ioctl(fd, KVM_GET_API_VERSION, 0);
  close(fd);
  if (version != KVM_API_VERSION) {
    return {false, "/dev/kvm does not speak KVM's API version 12", "Update the host's kernel."};
  }
  if (access("/sys/module/kvm_pvm", F_OK) == 0) {
    return {false, "this machine's KVM is PVM, which runs only kernels made for it",
            "Use a machine with hardware virtualisation, or the simulation runtime (--runtime simulation)."};
  }
  return {true, "", ""};
}

}  // namespace mocker
