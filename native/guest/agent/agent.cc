#include "agent.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "common/clock.h"
#include "common/sys-error.h"
#include "configure.h"
#include "power.h"
#include "files/file-task.h"
#include "process/process-request.h"
#include "processes.h"
#include "stats.h"

namespace mocker {
namespace {

constexpr size_t maxWriteBytes = 32768;
constexpr size_t maxControlQueueBytes = 1 << 20;
constexpr int64_t ackTimeoutMs = 5000;
/**
 * Everything that could still hold a pipe of the main process is killed with it, so this only bounds the
 * absurd.
 */
constexpr int mainDrainMs = 2000;
constexpr int execDrainMs = 1000;
constexpr int64_t haltMs = 2000;
constexpr size_t tokenBytes = 32;
constexpr int64_t startMs = 20000;
constexpr int64_t maxStartMs = 600000;
constexpr size_t maxMessageBytes = 4096;
const std::string mainId = "main";

char readBuffer[65536];

std::string randomToken() {
  unsigned char bytes[tokenBytes];
  if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) throwErrno("getrandom");
  std::string token;
  for (const unsigned char byte : bytes) {
    for (const int digit : {byte >> 4, byte & 15}) token.push_back("0123456789abcdef"[digit]);
  }
  return token;
}

std::string kernelRelease() {
  utsname names{};
  ::uname(&names);
  return names.release;
}

int64_t bootMs() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

}  // namespace

Agent::Agent(std::unique_ptr<Transport> transport) : transport_(std::move(transport)), token_(randomToken()) {}

Agent::Agent(std::unique_ptr<Transport> transport, IdMap uids, IdMap gids)
    : transport_(std::move(transport)), token_(randomToken()) {
  machine_.simulation = true;
  machine_.uids = std::move(uids);
  machine_.gids = std::move(gids);
}

void Agent::run() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  childSignals_.reset(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  loop_.add(childSignals_.get(), event::readable, [this](uint32_t) {
    signalfd_siginfo info[16];
    while (::read(childSignals_.get(), info, sizeof info) > 0) {
    }
    reap();
  });
  loop_.beforeSleep([this] {
    sweep();
    advanceHalt();
  });
  connectControl();
  loop_.run();
  powerOff(machine_);
}

// --- the control connection ---

void Agent::connectControl() {
  control_ = transport_->dialControl();
  if (!control_) {
    // The host listens before the guest boots; only a restart of the other side makes this wait.
    loop_.after(redialMs_, [this] { connectControl(); });
    redialMs_ = std::min<int64_t>(redialMs_ * 2, 100);
    return;
  }
  redialMs_ = 1;
  decoder_ = FrameDecoder();
  loop_.add(control_.get(), event::readable, [this](uint32_t events) { onControl(events); });
  sendControl({{"hello",
                {{"role", "control"},
                 {"token", token_},
                 {"protocol", 2},
                 {"kernel", kernelRelease()},
                 {"bootMs", machine_.simulation ? 0 : bootMs()},
                 {"pid", ::getpid()}}}});
}

void Agent::loseControl() {
  loop_.remove(control_.get());
  control_.reset();
  controlOut_.clear();
  // The monitor is gone, and with it all who could ask for anything.
  if (!transport_->canRedial()) powerOff(machine_);
  connectControl();
}

void Agent::onControl(uint32_t events) {
  if ((events & event::writable) && !controlOut_.flush(control_.get(), maxWriteBytes)) return loseControl();
  if (events & (event::readable | event::hungUp)) readControl();
  updateControl();
}

void Agent::readControl() {
  const ssize_t got = ::recv(control_.get(), readBuffer, sizeof readBuffer, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return loseControl();
  struct {
    Agent& self;
    bool onData(FrameType, std::string_view) { return true; }
    bool onJson(std::string&& text) {
      self.handle(text);
      return true;
    }
  } handler{*this};
  try {
    decoder_.feed(std::string_view(readBuffer, static_cast<size_t>(got)), handler);
  } catch (const ProtocolError&) {
    loseControl();
  }
}

void Agent::sendControl(const Json& message) {
  if (!control_) return;
  controlOut_.append(jsonFrame(message));
  // A broken connection shows up as an event, too; there it is handled.
  controlOut_.flush(control_.get(), maxWriteBytes);
  updateControl();
}

void Agent::updateControl() {
  if (!control_) return;
  const bool readable = controlOut_.size() < maxControlQueueBytes;
  loop_.modify(control_.get(), (readable ? event::readable : 0u) | (controlOut_.empty() ? 0u : event::writable));
}

void Agent::handle(const std::string& text) {
  const auto request = parseObject(text);
  if (!request) return;
  const auto id = request->find("id");
  if (id == request->end()) return;
  const auto refuse = [&](const std::string& code, const std::string& message) {
    answer({{"id", *id}, {"error", {{"code", code}, {"message", message.substr(0, maxMessageBytes)}}}});
  };
  try {
    const Json* params = objectOrNull(*request, "params");
    const auto result = call(stringOr(*request, "method", ""), params ? *params : Json::object(), *id);
    if (result) answer({{"id", *id}, {"result", *result}});
  } catch (const SpawnError& error) {
    refuse(error.code(), error.what());
  } catch (const RequestError& error) {
    refuse(error.code(), error.what());
  } catch (const std::exception& error) {
    refuse("INTERNAL", error.what());
  }
}

void Agent::answer(const Json& reply) {
  sendControl(reply);
  if (auto action = std::exchange(afterReply_, nullptr)) action();
}

std::optional<Json> Agent::call(const std::string& method, const Json& params, const Json& requestId) {
  if (method == "ping") return Json(Json::object());
  if (halting_) throw RequestError("NOT_RUNNING", "the machine is going down");
  if (method == "configure") {
    configure(params, machine_);
    return Json(Json::object());
  }
  if (method == "start" || method == "exec") {
    runProcess(params, method == "start", requestId);
    return std::nullopt;
  }
  if (method == "signal") {
    const int64_t signal = integerOr(params, "signal", 0);
    if (signal < 1 || signal > 64) throw RequestError("INTERNAL", "signal: must be a number from 1 to 64");
    if (::kill(pidOf(stringOr(params, "target", "main")), static_cast<int>(signal)) != 0) throwErrno("kill");
    return Json(Json::object());
  }
  if (method == "resize") {
    if (!findRunning(params).resize(terminalRows(params), terminalColumns(params))) {
      throw RequestError("INTERNAL", "the process has no terminal");
    }
    return Json(Json::object());
  }
  if (method == "stop") return stop(params);
  if (method == "pause") return pause();
  if (method == "unpause") return unpause();
  if (method == "stats") {
    if (!machine_.configured) throw RequestError("INTERNAL", "the machine is not configured yet");
    return readStats(machine_);
  }
  throw RequestError("INTERNAL", "method \"" + method + "\" is not known");
}

// --- processes ---

void Agent::runProcess(const Json& params, bool isMain, const Json& requestId) {
  if (!machine_.configured) throw RequestError("INTERNAL", "the machine is not configured yet");
  if (isMain && mainStarted_) throw RequestError("INTERNAL", "the main process was started already");
  if (mainEnded_) throw RequestError("NOT_RUNNING", "the main process has ended");
  const auto id = isMain ? mainId : stringOr(params, "stream", "");
  if (id.empty() || id.size() > 128 || (!isMain && id == mainId)) throw RequestError("INTERNAL", "stream: is not usable");
  if (sessions_.count(id)) throw RequestError("INTERNAL", "stream \"" + id + "\" is in use");
  const SpawnRequest request = parseProcessRequest(params, isMain);

  Fd stream;
  if (!request.detach) {
    // A descriptor may travel with the control connection: it must be at a frame's boundary.
    while (!controlOut_.empty()) {
      pollfd wait{control_.get(), POLLOUT, 0};
      if (::poll(&wait, 1, 5000) <= 0 || !controlOut_.flush(control_.get(), maxWriteBytes)) {
        throw RequestError("INTERNAL", "the control connection is stuck");
      }
    }
    stream = transport_->dialStream(control_.get());
    const auto hello = jsonFrame({{"hello", {{"role", "stream"}, {"token", token_}, {"id", id}}}});
    if (writeSome(stream.get(), hello) != static_cast<long>(hello.size())) throwErrno("cannot reach the monitor");
  }
  Session::Events events;
  if (isMain) {
    mainStarted_ = true;
    events.ended = [this] { mainEnded(); };
    events.acknowledged = [this] { beginHalt(); };
  } else {
    events.ended = [this, id] {
      const auto session = sessions_.find(id);
      const int code = session == sessions_.end() ? 0 : session->second->exitCode();
      const auto report = [this, id, code] { sendControl({{"event", "execExited"}, {"params", {{"id", id}, {"code", code}}}}); };
      // A failed start is answered first.
      if (session != sessions_.end() && session->second->failedToStart()) {
        afterReply_ = report;
      } else {
        report();
      }
    };
  }
  auto session = std::make_unique<Session>(loop_, id, std::move(stream), std::move(events));
  Session& running = *session;
  sessions_[id] = std::move(session);
  try {
    const auto timeoutMs = std::clamp<int64_t>(integerOr(params, "startMs", startMs), 1, maxStartMs);
    Spawned spawned = spawn(request, machine_);
    if (request.isFileTask) fileTasks_[spawned.pid] = request.argv[0];
    auto process = std::make_unique<ProcessStart>(
        loop_, std::move(spawned), timeoutMs,
        [this, id](const std::optional<SpawnError>& failure) { started(id, failure); });
    starting_[id] = {std::move(process), request.stdinOpen, requestId, std::nullopt};
  } catch (const SpawnError& error) {
    running.startFailed(error);
    throw;
  }
}

void Agent::started(const std::string& id, const std::optional<SpawnError>& failure) {
  const auto found = starting_.find(id);
  const Starting starting = std::move(found->second);
  starting_.erase(found);
  Session& session = *sessions_.at(id);
  if (failure) {
    session.startFailed(*failure);
    answer({{"id", starting.requestId}, {"error", {{"code", failure->code()}, {"message", failure->what()}}}});
    return;
  }
  session.start(starting.process->take(), starting.forwardsStdin);
  answer({{"id", starting.requestId}, {"result", {{"pid", session.pid()}}}});
  if (starting.status) processEnded(id, *starting.status);
}

Session& Agent::findRunning(const Json& params) {
  const auto target = stringOr(params, "target", "main");
  const auto it = sessions_.find(target);
  if (it == sessions_.end() || !it->second->running()) {
    throw RequestError("NOT_RUNNING", "no process \"" + target + "\" is running");
  }
  return *it->second;
}

pid_t Agent::pidOf(const std::string& target) const {
  const auto starting = starting_.find(target);
  if (starting != starting_.end() && !starting->second.status) return starting->second.process->pid();
  const auto session = sessions_.find(target);
  if (session != sessions_.end() && session->second->running()) return session->second->pid();
  throw RequestError("NOT_RUNNING", "no process \"" + target + "\" is running");
}

Json Agent::stop(const Json& params) {
  const auto main = sessions_.find(mainId);
  const bool isStarting = starting_.count(mainId) > 0;
  if (!isStarting && (main == sessions_.end() || !main->second->running())) {
    if (!mainStarted_) afterReply_ = [this] { beginHalt(); };
    return Json::object();
  }
  const int64_t signal = std::clamp<int64_t>(integerOr(params, "signal", SIGTERM), 1, 64);
  const int64_t graceMs = integerOr(params, "graceMs", 10000);
  if (flagOr(params, "keepsFiles", false)) machine_.disposable = false;
  ::kill(pidOf(mainId), static_cast<int>(signal));
  if (graceMs >= 0) loop_.after(graceMs, [this] { killAll(); });
  return Json::object();
}

Json Agent::pause() {
  if (!machine_.simulation) throw RequestError("INTERNAL", "a guest cannot stop itself");
  if (mainEnded_) throw RequestError("NOT_RUNNING", "the main process has ended");
  if (paused_) return Json::object();
  paused_ = true;
  // What the workload has stopped by itself stays stopped when this is over.
  stoppedBefore_ = stoppedProcesses(machine_);
  // All but this process, in one step: no fork slips through (kill(2)).
  ::kill(-1, SIGSTOP);
  return Json::object();
}

Json Agent::unpause() {
  if (!std::exchange(paused_, false)) return Json::object();
  const auto stopped = std::exchange(stoppedBefore_, {});
  if (stopped.empty()) {
    ::kill(-1, SIGCONT);
    return Json::object();
  }
  // Also those that have not come to stop yet.
  eachProcess(machine_, [&stopped](const ProcessStat& process) {
    if (process.pid != 1 && !stopped.contains(process.pid)) ::kill(process.pid, SIGCONT);
  });
  return Json::object();
}

bool Agent::reap() {
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return pid < 0 && errno == ECHILD;
    endFileTask(pid);
    for (auto& [id, starting] : starting_) {
      if (starting.process->pid() == pid) starting.status = status;
    }
    const auto ended = std::find_if(sessions_.begin(), sessions_.end(),
                                    [pid](const auto& entry) { return entry.second->pid() == pid; });
    if (ended != sessions_.end()) processEnded(ended->first, status);
  }
}

void Agent::processEnded(const std::string& id, int status) {
  const bool isMain = id == mainId;
  // Docker's rule, there made by the kernel: when the main process ends, so does everything else.
  if (isMain) killAll();
  sessions_.at(id)->exited(status, isMain ? mainDrainMs : execDrainMs);
}

/** One that froze the file system may have been killed; where another one still runs it stays frozen. */
void Agent::endFileTask(pid_t pid) {
  const auto ended = fileTasks_.find(pid);
  if (ended == fileTasks_.end()) return;
  const bool mayHaveFrozen = ended->second == "layer";
  fileTasks_.erase(ended);
  const bool another = std::any_of(fileTasks_.begin(), fileTasks_.end(), [](const auto& task) { return task.second == "layer"; });
  if (mayHaveFrozen && !another) thaw(machine_);
}

void Agent::sweep() {
  for (const auto& [id, session] : sessions_) {
    // It works for nobody.
    if (session->abandoned() && fileTasks_.count(session->pid()) > 0) ::kill(session->pid(), SIGKILL);
  }
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    if (!it->second->done()) {
      ++it;
      continue;
    }
    const bool isMain = it->first == mainId;
    it = sessions_.erase(it);
    // The main stream was lost: nobody will acknowledge.
    if (isMain) beginHalt();
  }
}

void Agent::killAll() {
  ::kill(-1, SIGKILL);
}

// --- the end ---

void Agent::mainEnded() {
  mainEnded_ = true;
  // Behind the exit: the monitor may end the machine as soon as it has recorded that. A failed start is
  // answered first.
  const bool alone = sessions_.size() == 1 && !sessions_.begin()->second->failedToStart();
  if (machine_.disposable && alone) sessions_.begin()->second->sendNext({{"halt", true}});
  loop_.after(ackTimeoutMs, [this] { beginHalt(); });
}

void Agent::beginHalt() {
  if (halting_) return;
  halting_ = true;
  killAll();
  haltDeadlineMs_ = monotonicMs() + haltMs;
  loop_.after(haltMs, [] {});
}

void Agent::advanceHalt() {
  if (!halting_) return;
  const bool childless = reap();
  const bool late = monotonicMs() >= haltDeadlineMs_;
  const bool flushed = std::all_of(sessions_.begin(), sessions_.end(), [](const auto& entry) {
    return entry.first == mainId || entry.second->flushed();
  });
  if (!late && !(childless && flushed)) return;
  settleFileSystems(machine_);
  const auto main = sessions_.find(mainId);
  if (main != sessions_.end()) main->second->sendLast({{"halt", true}});
  powerOff(machine_);
}

}  // namespace mocker
