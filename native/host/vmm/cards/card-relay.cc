#include "card-relay.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/out-queue.h"
#include "common/unix-socket.h"
#include "host/os/tap.h"
#include "host/vmm/notice.h"

namespace mocker {
namespace {

constexpr size_t lengthBytes = 4;
constexpr size_t minFrameBytes = 14;
/** As libkrun's: an MTU of 65,520, its header and a VLAN's. */
constexpr size_t maxFrameBytes = 65550;
constexpr size_t batchBytes = 256 << 10;

/** One for all cards: there is one thread, and nothing stays in here between two events. */
char batch[batchBytes];

}  // namespace

CardRelay::CardRelay(Loop& loop, Fd tap, Fd network, std::string networkName)
    : loop_(loop),
      tap_(std::move(tap)),
      network_(std::move(network)),
      networkName_(std::move(networkName)),
      received_(new char[batchBytes]) {
  setNonBlocking(tap_.get());
  setNonBlocking(network_.get());
  loop_.add(tap_.get(), event::readable, [this](uint32_t) { fromTap(); });
  loop_.add(network_.get(), event::readable, [this](uint32_t events) { onNetwork(events); });
}

CardRelay::~CardRelay() {
  if (network_) loop_.remove(network_.get());
  loop_.remove(tap_.get());
}

void CardRelay::fromTap() {
  size_t used = 0;
  while (batchBytes - used >= lengthBytes + maxFrameBytes) {
    const ssize_t got = ::read(tap_.get(), batch + used + lengthBytes, maxFrameBytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) {
      // The VM's network namespace is gone.
      loop_.modify(tap_.get(), 0);
      break;
    }
    const uint32_t length = htonl(static_cast<uint32_t>(got));
    std::memcpy(batch + used, &length, lengthBytes);
    used += lengthBytes + static_cast<size_t>(got);
  }
  if (used == 0) return;
  const long put = writeSome(network_.get(), std::string_view(batch, used));
  if (put < 0) return linkDown("its process is gone");
  if (static_cast<size_t>(put) == used) return;
  unsent_.assign(batch + put, used - static_cast<size_t>(put));
  update();
}

void CardRelay::onNetwork(uint32_t events) {
  if ((events & event::writable) && !flush()) return linkDown("its process is gone");
  if (events & (event::readable | event::hungUp)) fromNetwork();
}

bool CardRelay::flush() {
  const long put = writeSome(network_.get(), unsent_);
  if (put < 0) return false;
  unsent_.erase(0, static_cast<size_t>(put));
  update();
  return true;
}

void CardRelay::fromNetwork() {
  const ssize_t got = ::recv(network_.get(), received_.get() + receivedBytes_, batchBytes - receivedBytes_, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return linkDown("its process is gone");
  receivedBytes_ += static_cast<size_t>(got);
  if (!deliver()) linkDown("its process sent what is no frame");
}

bool CardRelay::deliver() {
  size_t used = 0;
  while (receivedBytes_ - used >= lengthBytes) {
    uint32_t length = 0;
    std::memcpy(&length, received_.get() + used, lengthBytes);
    length = ntohl(length);
    if (length < minFrameBytes || length > maxFrameBytes) return false;
    if (receivedBytes_ - used < lengthBytes + length) break;
    // A tap whose interface is down, or whose owner is slow, refuses: that frame is lost.
    (void)!::write(tap_.get(), received_.get() + used + lengthBytes, length);
    used += lengthBytes + length;
  }
  receivedBytes_ -= used;
  std::memmove(received_.get(), received_.get() + used, receivedBytes_);
  return true;
}

void CardRelay::update() {
  loop_.modify(tap_.get(), unsent_.empty() ? event::readable : 0u);
  loop_.modify(network_.get(), event::readable | (unsent_.empty() ? 0u : event::writable));
}

void CardRelay::linkDown(const char* why) {
  notice("network " + networkName_ + ": " + why + "; the VM's card has no link any more");
  loop_.remove(network_.get());
  network_.reset();
  loop_.modify(tap_.get(), 0);
  // The tap stays: without it the interface would be gone.
  setTapLink(tap_.get(), false);
  unsent_.clear();
}

}  // namespace mocker
