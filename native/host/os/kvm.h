// Whether a VM can be booted here: /dev/kvm.
#pragma once

#include <string>

namespace mocker {

struct KvmStatus {
  bool usable = false;
  /** Why not, in one sentence; empty if usable. */
  std::string reason;
  /** What to do about it; empty if usable or if nothing can be done. */
  std::string hint;
};

/**
 * Opens /dev/kvm, asks for its API version, and recognises PVM, whose KVM cannot run ordinary guest kernels.
 */
KvmStatus kvmStatus();

}  // namespace mocker
