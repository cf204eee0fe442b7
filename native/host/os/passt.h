// passt, the network process that a VM may have to itself (https://passt.top).
#pragma once

#include "common/fd.h"
#include "host/vmm/spec.h"

namespace mocker {

/**
 * Starts passt for a card. It lives in the background, as long as the connection that is returned or a copy
 * of it is open, which carries frames as those of connectCard do. Takes at most 10 s.
 * @throws std::runtime_error with what passt says
 */
Fd startPasst(const PasstSpec& passt);

}  // namespace mocker
