#include "control-relay.h"

#include <csignal>
#include <utility>

#include "host/vmm/notice.h"

namespace mocker {
namespace {

constexpr size_t maxQueueBytes = 1 << 20;
/** Answers are small. */
constexpr size_t maxGuestJsonBytes = 65536;
/** An agent that was asked by an engine that is gone may say a little that nobody waits for. */
constexpr size_t maxUnasked = 64;
const std::string ownRequestId = "mocker-monitor";

/** What a guest says about itself, cut down to what the engine is told. */
Json cleanHello(const Json& hello) {
  return {{"role", "control"},
          {"protocol", integerOr(hello, "protocol", 0)},
          {"kernel", stringOr(hello, "kernel", "").substr(0, 256)},
          {"bootMs", integerOr(hello, "bootMs", 0)},
          {"pid", integerOr(hello, "pid", 0)}};
}

}  // namespace

void ControlRelay::takeGuest(Fd fd, const Json* hello, std::string rest) {
  const uint64_t connection = ++lastConnection_;
  FramedConnection::Events events;
  events.message = [this, connection](std::string&& text) {
    if (connection == guestConnection_) fromGuest(text);
  };
  events.closed = [this, connection] {
    if (connection != guestConnection_) return;
    dropGuest();
    events_.onGuestDisconnected();
  };
  events.drained = [this] { update(); };
  events.descriptor = events_.descriptor;
  dropGuest();
  guestConnection_ = connection;
  saidHello_ = false;
  unasked_ = 0;
  guest_ = std::make_unique<FramedConnection>(loop_, std::move(fd), std::move(rest), maxGuestJsonBytes, std::move(events));
  // A guest has said hello on its way in; the simulation's connection is inherited and its hello comes as a
  // message.
  if (hello) greet(*hello);
  if (guest_) guest_->begin();
}

void ControlRelay::dropGuest() {
  guestConnection_ = 0;
  if (guest_) events_.deleteLater(std::move(guest_));
}

void ControlRelay::greet(const Json& hello) {
  saidHello_ = true;
  const bool isFirst = agentHello_.is_null();
  // The first one counts: each that was told to the engine would cost it something.
  if (isFirst) agentHello_ = cleanHello(hello);
  const auto waiting = std::exchange(waiting_, {});
  waitingBytes_ = 0;
  for (const auto& frame : waiting) toGuest(frame);
  events_.onAgentConnected(isFirst);
}

void ControlRelay::fromGuest(const std::string& text) {
  const auto message = parseObject(text);
  if (!saidHello_) {
    const Json* hello = message ? objectOrNull(*message, "hello") : nullptr;
    if (hello && token_.admits(*hello)) return greet(*hello);
    return refuseGuest();
  }
  if (message && stringOr(*message, "id", "") == ownRequestId) return;
  if (message) noteAnswer(*message);
  auto checked = message ? messages_.check(*message) : GuestMessages::Checked{Json(), true};
  if (checked.unasked && ++unasked_ > maxUnasked) return refuseGuest();
  if (checked.message.is_null()) return;
  if (engine_) {
    engine_->send(FrameType::json, toText(checked.message));
  } else if (checked.message.contains("event")) {
    forNextEngine_.push_back(std::move(checked.message));
  }
  update();
}

void ControlRelay::refuseGuest() {
  // Once: what the guest does must not fill the monitor's log.
  if (!std::exchange(refusedGuest_, true)) notice("closed the guest agent's connection: it says what nobody asked for");
  dropGuest();
  events_.onGuestDisconnected();
}

void ControlRelay::takeEngine(Fd fd, std::string rest) {
  const uint64_t connection = ++lastConnection_;
  FramedConnection::Events events;
  events.message = [this, connection](std::string&& text) {
    if (connection == engineConnection_) fromEngine(text);
  };
  events.closed = [this, connection] {
    if (connection == engineConnection_) dropEngine();
  };
  events.drained = [this] { update(); };
  dropEngine();
  engineConnection_ = connection;
  engine_ = std::make_unique<FramedConnection>(loop_, std::move(fd), std::move(rest), maxFramePayloadBytes, std::move(events));
  events_.onEngineConnected();
  for (const auto& message : std::exchange(forNextEngine_, {})) tellEngine(message);
  if (engine_) engine_->begin();
  update();
}

void ControlRelay::dropEngine() {
  engineConnection_ = 0;
  messages_.forgetAsker();
  if (engine_) events_.deleteLater(std::move(engine_));
  update();
}

void ControlRelay::fromEngine(const std::string& text) {
  const auto message = parseObject(text);
  // An engine whose request is not understood must not wait for the answer.
  if (!message) return dropEngine();
  const auto method = stringOr(*message, "method", "");
  const bool isPause = method == "pause";
  if ((isPause || method == "unpause") && pauseHere(*message, isPause)) return;
  if (const auto refusal = messages_.noteRequest(*message)) return tellEngine(*refusal);
  if (method == "stop") events_.onStopRequested();
  toGuest(text);
}

bool ControlRelay::pauseHere(const Json& message, bool isPause) {
  const auto id = stringOr(message, "id", "");
  if (!events_.pause) {
    // The engine's requests are bounded by what may be out at once; an agent that answers none is let go.
    if (pauses_.size() < maxUnasked) pauses_[id] = isPause;
    return false;
  }
  const std::string problem = events_.pause(isPause);
  Json answer{{"id", id}};
  if (problem.empty()) {
    answer["result"] = Json::object();
  } else {
    answer["error"] = {{"code", "NOT_RUNNING"}, {"message", problem}};
  }
  tellEngine(answer);
  return true;
}

void ControlRelay::noteAnswer(const Json& message) {
  const auto found = pauses_.find(stringOr(message, "id", ""));
  if (found == pauses_.end()) return;
  const bool isPause = found->second;
  pauses_.erase(found);
  if (!message.contains("error")) events_.onPaused(isPause);
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

void ControlRelay::askToUnpause() {
  toGuest(toText({{"id", ownRequestId}, {"method", "unpause"}, {"params", Json::object()}}));
}

void ControlRelay::update() {
  const size_t towardsGuest = waitingBytes_ + (guest_ ? guest_->queuedBytes() : 0);
  if (engine_) engine_->setReading(towardsGuest < maxQueueBytes);
}

}  // namespace mocker
