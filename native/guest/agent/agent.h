// The agent: PID 1 of a machine, doing what its control connection asks for.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/frame.h"
#include "common/loop.h"
#include "common/out-queue.h"
#include "machine.h"
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
  Json call(const std::string& method, const Json& params);
  Json runProcess(const Json& params, bool isMain);
  Json stop(const Json& params);
  Session& findRunning(const Json& params);

  /** True: there are no children at all. */
  bool reap();
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

  std::map<std::string, std::unique_ptr<Session>> sessions_;
  bool mainStarted_ = false;
  bool mainEnded_ = false;
  /** Replies come before what they cause: actions queued here run after the reply is on its way. */
  std::function<void()> afterReply_;

  bool halting_ = false;
  int64_t haltDeadlineMs_ = 0;
};

}  // namespace mocker
