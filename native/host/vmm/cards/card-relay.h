// A simulated VM's network card: its tap, joined to its network.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "common/loop.h"

namespace mocker {

/**
 * Carries Ethernet frames between a tap and a card's connection, which has each after its length (4 bytes,
 * big-endian). Never blocks and keeps little: what the network does not take in time waits in the tap, whose
 * queue the kernel bounds; a frame that the tap does not take is dropped, as on a wire. When the connection
 * ends, the link goes down and stays so.
 */
class CardRelay {
 public:
  CardRelay(Loop& loop, Fd tap, Fd network, std::string networkName);
  ~CardRelay();
  CardRelay(const CardRelay&) = delete;
  CardRelay& operator=(const CardRelay&) = delete;

 private:
  void fromTap();
  void onNetwork(uint32_t events);
  void fromNetwork();
  /** Hands the whole frames at the buffer's beginning to the tap. False: what came is no frame. */
  bool deliver();
  bool flush();
  void update();
  void linkDown(const char* why);

  Loop& loop_;
  Fd tap_;
  Fd network_;
  const std::string networkName_;
  /** The rest of a batch of frames that the network has not taken; the tap is not read meanwhile. */
  std::string unsent_;
  /** What has come from the network and is not delivered: the beginning of a frame. */
  std::unique_ptr<char[]> received_;
  size_t receivedBytes_ = 0;
};

}  // namespace mocker
