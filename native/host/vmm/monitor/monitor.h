// The monitor of one VM: its log, its exit record, and everything that passes between the guest and the
// engine.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/loop.h"
#include "control-relay.h"
#include "host/os/cgroup.h"
#include "host/os/child.h"
#include "host/os/signals.h"
#include "host/vmm/cards/card-relay.h"
#include "host/vmm/records/log-writer.h"
#include "host/vmm/records/records.h"
#include "host/vmm/spec.h"
#include "host/vmm/streams/attach-client.h"
#include "host/vmm/streams/child-output.h"
#include "host/vmm/streams/guest-stream.h"
#include "host/vmm/streams/input-queue.h"
#include "host/vmm/streams/replay-ring.h"
#include "host/vmm/streams/stream-pairs.h"
#include "pending-connections.h"

namespace mocker {

/** The guest is hostile: every queue, frame and number of connections that it can cause is bounded. */
class Monitor {
 public:
  /** Binds the VM's sockets. SIGCHLD, SIGTERM and SIGINT must be blocked. Throws SysError. */
  Monitor(const VmSpec& spec, std::string startedAt, const Cgroup& cgroup);
  ~Monitor();

  /**
   * Follows `child` to its end, and joins its taps to `cards`, the connections of its cards. Returns when the
   * exit is on record and everybody has been told.
   */
  void run(Child child, std::vector<Fd> cards);

  /** Records an end that came before there was a child, and tells who is attached already. */
  void runFailed(const std::string& message);

  /** Whether the exit is on record. */
  bool recorded() const { return exit_.has_value(); }

 private:
  enum class Main { none, running, exited };

  void keepSockets();
  void onHandshake(Fd fd, const Json& hello, std::string rest, Side side);
  void refuseGuest();

  // control
  ControlRelay::Events controlEvents();
  void announce();
  void requestStop();

  // the main process
  void takeMainStream(Fd fd, std::string rest);
  void takeAttach(Fd fd, const Json& hello, std::string rest);
  void mainOutput(FrameType stream, std::string_view bytes);
  void sendMainOutput();
  void mainMessage(const Json& message);
  void mainClosed();
  void mainInput(std::string_view bytes);
  void updateMain();
  void letSlowClientsGo();

  // the end
  void onSignal();
  void onChildExited(int status);
  std::string lastWords() const;
  void checkChildDrained();
  void record(const ExitRecord& exit);
  void killChild();
  void startDraining();
  void scheduleDrainCheck();
  void checkDrained();

  template <typename T>
  void deleteLater(std::unique_ptr<T>& object);

  const VmSpec& spec_;
  const std::string startedAt_;
  const Cgroup& cgroup_;
  Loop loop_;
  Fd monitorSocket_;
  Fd agentSocket_;
  /** Whose paths are gone. */
  std::vector<Fd> sweptSockets_;
  Signals signals_{SIGCHLD, SIGTERM, SIGINT};

  void followOutput(Child& child);
  void readJail();

  pid_t child_ = -1;
  std::unique_ptr<ChildOutput> errors_;
  std::unique_ptr<ChildOutput> console_;
  Fd jailPipe_;
  std::string jailText_;
  /** What contains the VM (jail-report.h), its cgroup too; null as long as that is not known. */
  Json jail_;
  bool childDead_ = false;
  std::string deathMessage_;
  /** By the limit of its cgroup: the kernel killed it. */
  bool ranOutOfMemory_ = false;
  Main main_ = Main::none;
  std::optional<ExitRecord> exit_;
  /** The same as exit.json has it; null before. */
  Json exitRecord_;
  bool stopping_ = false;
  Loop::Timer stopTimer_ = 0;
  bool draining_ = false;
  int64_t drainProgressMs_ = 0;
  size_t undrainedBytes_ = 0;

  LogWriter log_;
  Loop::Timer partialTimer_ = 0;
  ReplayRing ring_;

  PendingConnections pendingConnections_;
  ControlRelay control_;
  /** It was noted that something else than the agent has dialled. */
  bool refusedGuest_ = false;
  Loop::Timer bootTimer_ = 0;

  std::unique_ptr<GuestStream> mainStream_;
  InputQueue waitingInput_;
  std::vector<std::unique_ptr<AttachClient>> clients_;
  Loop::Timer slowClientsTimer_ = 0;

  StreamPairs execStreams_;
  std::vector<std::unique_ptr<CardRelay>> cards_;

  /** Connections that ended within one of their own calls; destroyed when nobody is inside any more. */
  std::vector<std::shared_ptr<void>> pendingDelete_;
};

}  // namespace mocker
