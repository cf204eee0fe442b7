// The agent: PID 1 of a machine, doing what its control connection asks for.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/frame.h"
#include "common/loop.h"
#include "common/out-queue.h"
#include "machine.h"
#include "process/process-start.h"
#include "process/session.h"
#include "transport.h"

namespace mocker {

class Agent {
 public:
  /** In a guest. */
  explicit Agent(std::unique_ptr<Transport> transport);
  /** In the simulation, whose user namespace knows these ids. */
  Agent(std::unique_ptr<Transport> transport, IdMap uids, IdMap gids);

  /** Runs the machine until its end; does not return. All signals must be blocked. */
  [[noreturn]] void run();

 private:
  void connectControl();
  void loseControl();
  void onControl(uint32_t events);
  void readControl();
  void sendControl(const Json& message);
  void updateControl();

  void handle(const std::string& text);
  void answer(const Json& reply);
  /** The result; nothing: the answer comes later. */
  std::optional<Json> call(const std::string& method, const Json& params, const Json& requestId);
  void runProcess(const Json& params, bool isMain, const Json& requestId);
  void started(const std::string& id, const std::optional<SpawnError>& failure);
  Json stop(const Json& params);
  Session& findRunning(const Json& params);
  /** Of a process that runs or starts; throws RequestError. */
  pid_t pidOf(const std::string& target) const;

  /** True: there are no children at all. */
  bool reap();
  void processEnded(const std::string& id, int status);
  void endFileTask(pid_t pid);
  void sweep();
  void killAll();
  void mainEnded();
  void beginHalt();
  void advanceHalt();

  Loop loop_;
  std::unique_ptr<Transport> transport_;
  Machine machine_;

  Fd control_;
  FrameDecoder decoder_;
  OutQueue controlOut_;
  int64_t redialMs_ = 1;
  Fd childSignals_;

  /** Says that a connection is the agent's. Kept in this memory alone, out of the workload's reach. */
  const std::string token_;

  std::map<std::string, std::unique_ptr<Session>> sessions_;
  struct Starting {
    std::unique_ptr<ProcessStart> process;
    bool forwardsStdin = false;
    Json requestId;
    /** As from waitpid, if it has ended before its start was reported. */
    std::optional<int> status;
  };
  /** By their sessions' ids. */
  std::map<std::string, Starting> starting_;
  /** The processes that work on the machine's files, and what each does. */
  std::map<pid_t, std::string> fileTasks_;
  bool mainStarted_ = false;
  bool mainEnded_ = false;
  /** Replies come before what they cause: actions queued here run after the reply is on its way. */
  std::function<void()> afterReply_;

  bool halting_ = false;
  int64_t haltDeadlineMs_ = 0;
};

}  // namespace mocker
