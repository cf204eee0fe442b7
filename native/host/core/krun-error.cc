#include "krun-error.h"

#include <cerrno>

#include "common/sys-error.h"

namespace mocker {
namespace {

struct Meaning {
  const char* call;
  int errnum;
  const char* sentence;
};

// Taken from libkrun's src/libkrun/src/lib.rs: what each call rejects, and with which errno.
constexpr Meaning meanings[] = {
    {"krun_set_vm_config", EINVAL, "libkrun does not accept this number of CPUs or this amount of memory"},
    {"krun_set_root", EINVAL, "the boot directory's path is not valid UTF-8"},
    {"krun_add_virtiofs", EINVAL, "the shared directory's path is not valid UTF-8"},
    {"krun_add_disk", EINVAL, "the disk's path is not valid UTF-8, or its format is not known to this libkrun"},
    {"krun_add_vsock_port", ENODEV, "the VM has no vsock device"},
    {"krun_add_net_unixstream", EINVAL, "this libkrun does not know the card's features"},
    {"krun_add_vsock", EEXIST, "the VM already has a vsock device"},
    {"krun_add_vsock", EINVAL, "this libkrun does not know the requested TSI features"},
    {"krun_set_console_output", EINVAL, "the console's path is not valid UTF-8"},
    {"krun_set_kernel", EINVAL, "it is not a kernel image that this libkrun can boot"},
    {"krun_start_enter", ENOENT, "the guest kernel could not be loaded"},
    {"krun_start_enter", EINVAL,
     "libkrun could not build the VM: a disk or shared directory cannot be opened, the memory cannot be "
     "allocated, or KVM refused it (libkrun's own message is above)"},
    {"krun_start_enter", ENOMEM, "the host has not enough memory for the VM"},
};

}  // namespace

std::string krunErrorText(const std::string& call, int32_t result, const std::string& detail) {
  const int errnum = result < 0 ? -result : result;
  std::string text = call + (detail.empty() ? "" : " (" + detail + ")") + ": ";
  for (const auto& meaning : meanings) {
    // A prefix, so that krun_add_disk2 and krun_add_virtiofs3 share their family's sentence.
    if (errnum == meaning.errnum && call.rfind(meaning.call, 0) == 0) return text + meaning.sentence;
  }
  switch (errnum) {
    case ENOSYS:
    case ENOTSUP:
      return text + "this libkrun was built without the feature";
    case EACCES:
    case EPERM:
      return text + "permission denied";
    default:
      return text + errnoWords(errnum);
  }
}

}  // namespace mocker
