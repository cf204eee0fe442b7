#include "control-relay.h"

#include <csignal>
#include <utility>

namespace mocker {
namespace {

constexpr size_t maxQueueBytes = 1 << 20;
const std::string ownRequestId = "mocker-monitor";

/** Whatever a guest says about itself, cut down to what the engine is told. */
Json cleanHello(const Json& hello) {
  return {{"role", "control"},
          {"protocol", integerOr(hello, "protocol", 0)},
          {"kernel", stringOr(hello, "kernel", "").substr(0, 256)},
          {"bootMs", integerOr(hello, "bootMs", 0)},
          {"pid", integerOr(hello, "pid", 0)}};
}

}  // namespace

void ControlRelay::takeGuest(Fd fd, const Json* hello, std::string rest) {
  FramedConnection::Events events;
  events.message = [this](std::string&& text) { fromGuest(std::move(text)); };
  events.closed = [this] {
    dropGuest();
    events_.onGuestDisconnected();
  };
  events.drained = [this] { update(); };
  events.descriptor = events_.descriptor;
  dropGuest();
  saidHello_ = false;
  guest_ = std::make_unique<FramedConnection>(loop_, std::move(fd), std::move(rest), maxFramePayloadBytes, std::move(events));
  if (hello) {
    // A guest has said hello on its way in; the simulation's connection is inherited and its hello comes as a
    // message.
    fromGuest(toText({{"hello", *hello}}));
  }
  if (guest_) guest_->begin();
}

void ControlRelay::dropGuest() {
  if (guest_) events_.deleteLater(std::move(guest_));
}

void ControlRelay::fromGuest(std::string&& text) {
  const auto message = parseObject(text);
  if (!message) return;
  if (const Json* hello = objectOrNull(*message, "hello")) {
    // One hello to a connection: each costs an announcement, which an engine that does not read leaves in our
    // memory.
    if (std::exchange(saidHello_, true)) return;
    agentHello_ = cleanHello(*hello);
    const auto waiting = std::exchange(waiting_, {});
    waitingBytes_ = 0;
    for (const auto& frame : waiting) toGuest(frame);
    events_.onAgentConnected();
    return;
  }
  if (stringOr(*message, "id", "") == ownRequestId) return;
  if (engine_) engine_->send(FrameType::json, text);
  update();
}

void ControlRelay::takeEngine(Fd fd, std::string rest) {
  FramedConnection::Events events;
  events.message = [this](std::string&& text) { fromEngine(std::move(text)); };
  events.closed = [this] {
    events_.deleteLater(std::move(engine_));
    update();
  };
  events.drained = [this] { update(); };
  if (engine_) events_.deleteLater(std::move(engine_));
  engine_ = std::make_unique<FramedConnection>(loop_, std::move(fd), std::move(rest), maxFramePayloadBytes, std::move(events));
  events_.onEngineConnected();
  engine_->begin();
  update();
}

void ControlRelay::fromEngine(std::string&& text) {
  const auto message = parseObject(text);
  if (!message) return;
  if (stringOr(*message, "method", "") == "stop") events_.onStopRequested();
  toGuest(text);
}

void ControlRelay::toGuest(std::string_view text) {
  if (guest_ && agentIsHere()) {
    guest_->send(FrameType::json, text);
  } else {
    waiting_.emplace_back(text);
    waitingBytes_ += text.size();
  }
  update();
}

void ControlRelay::tellEngine(const Json& message) {
  if (engine_) engine_->send(FrameType::json, toText(message));
  update();
}

void ControlRelay::askToStop(int64_t graceMs) {
  toGuest(toText({{"id", ownRequestId}, {"method", "stop"}, {"params", {{"signal", SIGTERM}, {"graceMs", graceMs}}}}));
}

void ControlRelay::drainGuest() {
  guestDead_ = true;
  update();
}

void ControlRelay::update() {
  const size_t towardsGuest = waitingBytes_ + (guest_ ? guest_->queuedBytes() : 0);
  if (engine_) engine_->setReading(towardsGuest < maxQueueBytes);
  const size_t towardsEngine = engine_ ? engine_->queuedBytes() : 0;
  if (guest_) guest_->setReading(guestDead_ || towardsEngine < maxQueueBytes);
}

}  // namespace mocker
