// Network interfaces whose wire is a descriptor.
#pragma once

#include <array>
#include <cstdint>

#include "common/fd.h"

namespace mocker {

/**
 * Makes a tap, with this address, in the calling process's network namespace. It lives as long as the
 * descriptor, which reads and writes one Ethernet frame at a time. @throws SysError
 */
Fd makeTap(const std::array<uint8_t, 6>& mac);

/** Says to the tap's system whether its cable is plugged in. */
void setTapLink(int tap, bool up);

}  // namespace mocker
