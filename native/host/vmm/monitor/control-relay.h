// The control conversation between the engine and the guest's agent, which come and go independently.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/loop.h"
#include "guest-messages.h"
#include "guest-token.h"
#include "host/vmm/streams/framed-connection.h"

namespace mocker {

/**
 * What the engine says before the agent is there waits for it; the engine is read only while the guest takes
 * it. The guest is always read: what of it is passed on, the engine has asked for, which bounds it.
 */
class ControlRelay {
 public:
  struct Events {
    /** The agent has said hello; again, if it had to dial anew. */
    std::function<void(bool isFirst)> onAgentConnected;
    /** The guest's end is closed. */
    std::function<void()> onGuestDisconnected;
    /** A descriptor of the guest's; null: such are refused. */
    std::function<void(Fd fd)> descriptor;
    /** An engine listens; it has been told nothing yet. */
    std::function<void()> onEngineConnected;
    /** The engine asks the agent to stop the VM, with this call or one that follows. */
    std::function<void()> onStopRequested;
    /**
     * Stops the VM's process, or lets it go on; returns why it cannot, or nothing. Null: that is asked of the
     * agent.
     */
    std::function<std::string(bool isPause)> pause;
    /** The agent has done so. */
    std::function<void(bool isPause)> onPaused;
    /** Takes what must be destroyed, but not within its own call. */
    std::function<void(std::shared_ptr<void> ended)> deleteLater;
  };

  ControlRelay(Loop& loop, Events events) : loop_(loop), events_(std::move(events)) {}
  ControlRelay(const ControlRelay&) = delete;
  ControlRelay& operator=(const ControlRelay&) = delete;

  /** Whether a hello is the guest agent's: the first control hello, and all that have its token. */
  bool admits(const Json& hello) { return token_.admits(hello); }
  /** `hello` is null if the guest's hello is still to come. `rest` was read from the connection already. */
  void takeGuest(Fd fd, const Json* hello, std::string rest);
  /** An engine that comes takes the place of the one before. */
  void takeEngine(Fd fd, std::string rest);

  void tellEngine(const Json& message);
  /** Asks the agent to stop the VM; its answer is for nobody. */
  void askToStop(int64_t graceMs);
  /** Asks the agent to let its processes go on; its answer is for nobody. */
  void askToUnpause();

  void dropGuest();

  bool hasGuest() const { return static_cast<bool>(guest_); }
  bool agentIsHere() const { return !agentHello_.is_null(); }
  /** What the agent said of itself, cut down to what the engine is told; null before. */
  const Json& agentHello() const { return agentHello_; }

 private:
  void greet(const Json& hello);
  void fromGuest(const std::string& text);
  void refuseGuest();
  void fromEngine(const std::string& text);
  void noteAnswer(const Json& message);
  /** Whether the VM is paused by the monitor itself; then the engine has its answer. */
  bool pauseHere(const Json& message, bool isPause);
  void dropEngine();
  void toGuest(std::string_view text);
  void update();

  Loop& loop_;
  Events events_;
  GuestToken token_;
  GuestMessages messages_;
  std::unique_ptr<FramedConnection> guest_;
  std::unique_ptr<FramedConnection> engine_;
  /** Which connections they are: one that was replaced may still have something to say in the same round. */
  uint64_t guestConnection_ = 0;
  uint64_t engineConnection_ = 0;
  uint64_t lastConnection_ = 0;
  /** Whether the guest has said hello on its present connection. */
  bool saidHello_ = false;
  /** What the guest has said on its present connection that nobody had asked for. */
  size_t unasked_ = 0;
  bool refusedGuest_ = false;
  Json agentHello_;
  /** Requests of the agent to pause (true) or to go on, by their ids. */
  std::map<std::string, bool> pauses_;
  std::vector<std::string> waiting_;
  size_t waitingBytes_ = 0;
  /** Ends of execs that came while no engine was there. */
  std::vector<Json> forNextEngine_;
};

}  // namespace mocker
