#include "guest-stream.h"

#include <algorithm>

#include "host/vmm/notice.h"

namespace mocker {
namespace {

constexpr size_t maxJsonBytes = 65536;
constexpr size_t maxInputFrameBytes = 32768;

}  // namespace

GuestStream::GuestStream(Loop& loop, Fd fd, std::string rest, Events events)
    : events_(std::move(events)), connection_(loop, std::move(fd), std::move(rest), maxJsonBytes, connectionEvents()) {}

FramedConnection::Events GuestStream::connectionEvents() {
  FramedConnection::Events events;
  events.header = [this](FrameType type) {
    if (type != FrameType::json) spend(frameHeaderBytes);
  };
  events.data = [this](FrameType stream, std::string_view bytes) {
    spend(bytes.size());
    if (isOpen() && stream != FrameType::in && !bytes.empty()) events_.output(stream, bytes);
  };
  events.fed = [this] { events_.outputEnd(); };
  events.message = [this](std::string&& text) { onMessage(text); };
  events.drained = [this] {
    sendInput();
    sendGrant();
    events_.drained();
  };
  events.closed = [this] { events_.closed(); };
  return events;
}

void GuestStream::input(std::string_view bytes) {
  input_.add(bytes);
  sendInput();
}

void GuestStream::grant(size_t waiting) {
  waiting_ = waiting;
  sendGrant();
}

void GuestStream::spend(size_t bytes) {
  if (!isOpen() || received_.spend(bytes)) return;
  notice("cut off a stream of the guest that overran its credit");
  close();
}

void GuestStream::onMessage(const std::string& text) {
  const auto message = parseObject(text);
  if (!message) return;
  const auto credit = message->find("credit");
  if (credit == message->end()) return events_.message(*message);
  if (!sendable_.grant(integerOr(*message, "credit", -1))) return close();
  sendInput();
  events_.drained();
}

void GuestStream::sendInput() {
  while (!input_.empty() && sendable_.left() > frameHeaderBytes) {
    const auto piece = input_.take(std::min(maxInputFrameBytes, sendable_.left() - frameHeaderBytes));
    sendable_.spend(frameHeaderBytes + piece.size());
    connection_.send(FrameType::in, piece);
  }
}

void GuestStream::sendGrant() {
  // A guest that does not read is told nothing more: it could let that grow without end.
  if (!isOpen() || connection_.queuedBytes() > 0) return;
  if (const size_t bytes = received_.grant(waiting_); bytes > 0) send({{"credit", bytes}});
}

}  // namespace mocker
