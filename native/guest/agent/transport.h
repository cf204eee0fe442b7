// How the agent reaches its monitor: vsock from a guest, an inherited socket in the simulation.
#pragma once

#include <functional>
#include <memory>

#include "common/fd.h"

namespace mocker {

class Transport {
 public:
  virtual ~Transport() = default;
  /** A new control connection (non-blocking), or empty when the monitor cannot be reached now. */
  virtual Fd dialControl() = 0;
  /** Whether a lost control connection can be dialled again. */
  virtual bool canRedial() const = 0;
  /**
   * A new stream connection (non-blocking). `control` is the control connection, at a frame's boundary.
   * Throws SysError.
   */
  virtual Fd dialStream(int control) = 0;
};

std::unique_ptr<Transport> vsockTransport();

/** `control` is the inherited connection. */
std::unique_ptr<Transport> inheritedTransport(Fd control);

}  // namespace mocker
