#include "monitor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "common/clock.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "common/unix-socket.h"
#include "host/vmm/notice.h"

namespace mocker {
namespace {

/**
 * While a client has more than this queued, the main process has to wait with its output, as in Docker: a
 * client that is slow gets everything.
 */
constexpr size_t maxClientQueueBytes = 8 << 20;
/**
 * One that takes nothing at all for this long while the main process waits for it is let go: a forgotten or
 * stopped client must not hold a service for ever, and the log has everything. In a stopping VM at once.
 */
constexpr int64_t clientPatienceMs = 10000;
constexpr size_t maxClients = 64;
constexpr size_t maxStreamIdBytes = 128;
/** What a guest may make the host keep of its kernel's console and of libkrun's messages about it. */
constexpr uint64_t maxConsoleBytes = 1 << 20;
constexpr uint64_t maxErrorBytes = 256 << 10;
constexpr int64_t partialMs = 100;
constexpr int64_t socketCheckMs = 2000;
/** How long a guest may take from its exit to the power-off. */
constexpr int64_t haltMs = 15000;
constexpr int64_t stopGraceMs = 10000;
/** How long the rest of a dead guest's bytes is waited for. */
constexpr int64_t guestDrainMs = 2000;
/** How long a client may take nothing of what is left for it after the VM's end. */
constexpr int64_t clientDrainMs = 60000;
/** The same of a VM that was asked to stop: who has asked waits for the monitor's end. */
constexpr int64_t stoppedClientDrainMs = 5000;

const Json letGo{{"error",
                  {{"code", "CANCELLED"},
                   {"message", "the client has not read the container's output for too long and was let go"},
                   {"hint", "The container is not affected, and mocker logs has all of its output."}}}};

std::string deathOf(int status) {
  if (WIFSIGNALED(status)) return "was killed by " + signalName(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Monitor::Monitor(const VmSpec& spec, std::string startedAt, const Cgroup& cgroup)
    : spec_(spec), startedAt_(std::move(startedAt)), cgroup_(cgroup),
      log_(spec.stateDir + "/log", {spec.log.maxBytes, spec.log.maxFiles, spec.log.kept}),
      pendingConnections_(
          loop_, [this](std::shared_ptr<void> ended) { pendingDelete_.push_back(std::move(ended)); },
          [this](Fd fd, const Json& hello, std::string rest, Side side) {
            if (fd) onHandshake(std::move(fd), hello, std::move(rest), side);
            checkChildDrained();
          }),
      control_(loop_, controlEvents()),
      execStreams_(loop_, [this](std::shared_ptr<void> ended) { pendingDelete_.push_back(std::move(ended)); }) {
  monitorSocket_ = listenUnix(spec.monitorSocketPath());
  pendingConnections_.listen(monitorSocket_, Side::engine);
  if (spec.runtime == Runtime::krun) {
    agentSocket_ = listenUnix(spec.agentSocketPath());
    pendingConnections_.listen(agentSocket_, Side::guest);
  }
  keepSockets();
  loop_.add(signals_.fd(), event::readable, [this](uint32_t) { onSignal(); });
  loop_.beforeSleep([this] {
    pendingDelete_.clear();
    log_.flush();
    if (log_.hasPartial() && partialTimer_ == 0) {
      partialTimer_ = loop_.after(partialMs, [this] {
        partialTimer_ = 0;
        log_.flushPartial();
      });
    }
    checkDrained();
  });
}

Monitor::~Monitor() {
  ::unlink(spec_.monitorSocketPath().c_str());
  ::unlink(spec_.agentSocketPath().c_str());
}

/**
 * Makes sockets anew whose paths are gone: a log-out takes /run/user/UID away, programs that clean /tmp their
 * old files.
 */
void Monitor::keepSockets() {
  if (draining_) return;
  loop_.after(socketCheckMs, [this] { keepSockets(); });
  const auto keep = [this](Fd& socket, const std::string& path, Side side) {
    struct stat status {};
    if (!socket || ::lstat(path.c_str(), &status) == 0 || errno != ENOENT) return;
    makePrivateDirectories(spec_.runDir);
    Fd fresh = listenUnix(path);
    pendingConnections_.listen(fresh, side);
    // A jailed VMM has the old one still.
    std::swap(socket, fresh);
    sweptSockets_.push_back(std::move(fresh));
  };
  try {
    keep(monitorSocket_, spec_.monitorSocketPath(), Side::engine);
    keep(agentSocket_, spec_.agentSocketPath(), Side::guest);
  } catch (const std::exception&) {
    // The directory may come back with the user's next log-in.
  }
}

void Monitor::run(Child child, std::vector<Fd> cards) {
  child_ = child.pid;
  bootTimer_ = loop_.after(spec_.bootTimeoutMs, [this] {
    record({125, std::nullopt, "boot-failed",
            "the VM's agent did not answer within " + std::to_string(spec_.bootTimeoutMs / 1000) + " s"});
    killChild();
  });
  followOutput(child);
  if (child.control) control_.takeGuest(std::move(child.control), nullptr, {});
  for (size_t i = 0; i < child.taps.size(); ++i) {
    cards_.push_back(std::make_unique<CardRelay>(loop_, std::move(child.taps[i]), std::move(cards[i]),
                                                 spec_.cards[i].networkName));
  }
  // A krun VM has taken its own: with the last of a card's descriptors its network sees it go.
  cards.clear();
  loop_.run();
}

void Monitor::followOutput(Child& child) {
  if (child.errors) {
    Fd log(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    errors_ = std::make_unique<ChildOutput>(loop_, std::move(child.errors), std::move(log), maxErrorBytes,
                                            ChildOutput::WhenFull::stop);
  }
  // A simulated one has no other layers to tell of.
  if (!child.jail && !cgroup_.layer().is_null()) jail_ = Json::array({cgroup_.layer()});
  if (child.jail) {
    jailPipe_ = std::move(child.jail);
    loop_.add(jailPipe_.get(), event::readable, [this](uint32_t) { readJail(); });
  }
  if (child.console) {
    const auto path = spec_.krun->consolePath.value_or("/dev/null");
    Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) notice(path + ": " + errnoWords(errno));
    console_ = std::make_unique<ChildOutput>(loop_, std::move(child.console), std::move(file), maxConsoleBytes,
                                             ChildOutput::WhenFull::restart, "Kernel panic");
  }
}

void Monitor::readJail() {
  char bytes[4096];
  const ssize_t size = ::read(jailPipe_.get(), bytes, sizeof bytes);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (size > 0) {
    jailText_.append(bytes, static_cast<size_t>(size));
    return;
  }
  loop_.remove(jailPipe_.get());
  jailPipe_.reset();
  jail_ = Json::parse(jailText_, nullptr, false);
  if (!jail_.is_array()) return;
  if (!cgroup_.layer().is_null()) jail_.push_back(cgroup_.layer());
  announce();
}

void Monitor::runFailed(const std::string& message) {
  childDead_ = true;
  record({125, std::nullopt, "boot-failed", message});
  loop_.run();
}

template <typename T>
void Monitor::deleteLater(std::unique_ptr<T>& object) {
  if (object) pendingDelete_.emplace_back(std::shared_ptr<T>(std::move(object)));
}

// --- connections ---

void Monitor::onHandshake(Fd fd, const Json& hello, std::string rest, Side side) {
  const auto role = stringOr(hello, "role", "");
  // Every process of the guest can dial; only the agent has the token.
  if (side == Side::guest && !control_.admits(hello)) return refuseGuest();
  if (role == "control") {
    if (side == Side::guest) return control_.takeGuest(std::move(fd), &hello, std::move(rest));
    return control_.takeEngine(std::move(fd), std::move(rest));
  }
  if (role == "attach" && side == Side::engine) return takeAttach(std::move(fd), hello, std::move(rest));
  if (role != "stream") return;
  const auto id = stringOr(hello, "id", "");
  if (id.empty() || id.size() > maxStreamIdBytes) return;
  if (id != "main") return execStreams_.take(std::move(fd), id, std::move(rest), side);
  if (side == Side::guest) takeMainStream(std::move(fd), std::move(rest));
}

void Monitor::refuseGuest() {
  if (std::exchange(refusedGuest_, true)) return;
  notice("refused a connection from inside the VM that is not its agent's");
}

// --- control ---

ControlRelay::Events Monitor::controlEvents() {
  ControlRelay::Events events;
  events.onAgentConnected = [this](bool isFirst) {
    loop_.cancel(bootTimer_);
    if (isFirst) announce();
    if (stopping_) requestStop();
  };
  events.onGuestDisconnected = [this] { checkChildDrained(); };
  if (spec_.runtime == Runtime::simulation) {
    events.descriptor = [this](Fd passed) {
      if (isUnixStream(passed.get())) pendingConnections_.take(std::move(passed), Side::guest);
    };
  }
  events.onEngineConnected = [this] { announce(); };
  // From here on the main process's end must not depend on a client that does not read.
  events.onStopRequested = [this] {
    stopping_ = true;
    updateMain();
  };
  events.deleteLater = [this](std::shared_ptr<void> ended) { pendingDelete_.push_back(std::move(ended)); };
  return events;
}

void Monitor::announce() {
  const char* main = main_ == Main::none ? "none" : main_ == Main::running ? "running" : "exited";
  Json params{{"agent", control_.agentHello()}, {"main", main}, {"exit", exitRecord_}};
  if (jail_.is_array()) params["jail"] = jail_;
  control_.tellEngine({{"event", "monitor"}, {"params", params}});
}

void Monitor::requestStop() {
  stopping_ = true;
  updateMain();
  if (!control_.agentIsHere()) {
    // Nobody inside to be asked.
    deathMessage_ = "the VM was stopped before it had booted";
    return killChild();
  }
  control_.askToStop(stopGraceMs);
  if (stopTimer_ == 0) stopTimer_ = loop_.after(stopGraceMs + 5000, [this] { killChild(); });
}

// --- the main process ---

void Monitor::takeMainStream(Fd fd, std::string rest) {
  if (main_ != Main::none || exit_) return;
  GuestStream::Events events;
  events.output = [this](FrameType stream, std::string_view bytes) { mainOutput(stream, bytes); };
  events.outputEnd = [this] { sendMainOutput(); };
  events.message = [this](const Json& message) { mainMessage(message); };
  events.drained = [this] { updateMain(); };
  events.closed = [this] { mainClosed(); };
  main_ = Main::running;
  mainStream_ = std::make_unique<GuestStream>(loop_, std::move(fd), std::move(rest), std::move(events));
  announce();
  while (!waitingInput_.empty()) mainStream_->input(waitingInput_.take(maxInputQueueBytes));
  mainStream_->begin();
  updateMain();
}

void Monitor::takeAttach(Fd fd, const Json& hello, std::string rest) {
  if (clients_.size() >= maxClients) return;
  const bool takesInput = flagOr(hello, "stdin", false);
  const int64_t replayBytes = std::max<int64_t>(0, integerOr(hello, "replayBytes", 0));
  AttachClient::Events events;
  events.input = [this](std::string_view bytes) { mainInput(bytes); };
  events.drained = [this] { updateMain(); };
  events.closed = [this] {
    for (auto it = clients_.begin(); it != clients_.end(); ++it) {
      if ((*it)->isOpen()) continue;
      deleteLater(*it);
      clients_.erase(it);
      break;
    }
    updateMain();
  };
  clients_.push_back(std::make_unique<AttachClient>(loop_, std::move(fd), takesInput, std::move(events)));
  AttachClient& client = *clients_.back();
  client.raw(ring_.frames(static_cast<size_t>(replayBytes)));
  if (exit_) return client.end(exit_->frame());
  client.begin(rest);
  updateMain();
}

void Monitor::mainOutput(FrameType stream, std::string_view bytes) {
  if (exit_) return;
  log_.write(stream, bytes);
  ring_.add(stream, bytes);
  for (size_t i = 0; i < clients_.size(); ++i) {
    AttachClient& client = *clients_[i];
    client.output(stream, bytes);
    if (stopping_ && !client.isEnding() && client.queuedBytes() > maxClientQueueBytes) {
      notice("let go of a client that does not read");
      client.end(letGo);
      // One that is gone besides has left the list.
      if (i >= clients_.size() || clients_[i].get() != &client) --i;
    }
  }
}

void Monitor::sendMainOutput() {
  // One that turns out to be gone leaves the list.
  std::vector<AttachClient*> all;
  for (const auto& client : clients_) all.push_back(client.get());
  for (AttachClient* client : all) client->sendOutput();
  updateMain();
}

void Monitor::mainInput(std::string_view bytes) {
  if (exit_) return;
  if (mainStream_) {
    mainStream_->input(bytes);
  } else {
    waitingInput_.add(bytes);
  }
  updateMain();
}

void Monitor::updateMain() {
  const size_t input = mainStream_ ? mainStream_->queuedInputBytes() : waitingInput_.size();
  bool full = false;
  for (auto& client : clients_) {
    client->setReadingInput(input < maxInputQueueBytes);
    full = full || (!client->isEnding() && client->queuedBytes() > maxClientQueueBytes);
  }
  const bool holding = full && !stopping_ && !exit_;
  if (mainStream_) mainStream_->grant(holding ? creditWindowBytes : 0);
  if (holding && slowClientsTimer_ == 0) slowClientsTimer_ = loop_.after(1000, [this] { letSlowClientsGo(); });
}

void Monitor::letSlowClientsGo() {
  slowClientsTimer_ = 0;
  // Ending a client may take it out of the list.
  std::vector<AttachClient*> slow;
  for (const auto& client : clients_) {
    const bool holds = !client->isEnding() && client->queuedBytes() > maxClientQueueBytes;
    if (holds && client->stuckMs() >= clientPatienceMs) slow.push_back(client.get());
  }
  for (AttachClient* client : slow) {
    notice("let go of a client that does not read");
    client->end(letGo);
  }
  updateMain();
}

void Monitor::mainMessage(const Json& message) {
  if (const Json* exit = objectOrNull(message, "exit"); exit && !exit_) {
    record(ExitRecord::fromGuest(*exit));
    mainStream_->send({{"ack", "exit"}});
    loop_.after(haltMs, [this] { killChild(); });
    return;
  }
  // A guest that says so has nothing left to lose: no need to wait for its kernel's way down.
  if (exit_ && flagOr(message, "halt", false)) killChild();
}

void Monitor::mainClosed() {
  deleteLater(mainStream_);
  sendMainOutput();
  if (!exit_ && !childDead_) {
    // Either the VM is dying, and its death will say more, or its agent is broken.
    loop_.after(guestDrainMs, [this] {
      if (childDead_ || exit_) return;
      deathMessage_ = "the VM's agent closed the main process's stream";
      killChild();
    });
  }
  checkChildDrained();
}

// --- the end ---

void Monitor::onSignal() {
  while (const int signal = signals_.next()) {
    if (signal == SIGCHLD) {
      int status = 0;
      if (child_ > 0 && ::waitpid(child_, &status, WNOHANG) == child_) onChildExited(status);
    } else if (!stopping_) {
      notice("asked to stop by signal " + std::to_string(signal));
      requestStop();
    }
  }
}

/** What a VM that died by itself said last: its kernel's panic, or libkrun's error. */
std::string Monitor::lastWords() const {
  if (console_ && !console_->lastLine().empty()) {
    const auto& panic = console_->lastLine();
    return panic.substr(panic.find("Kernel panic"), 300);
  }
  if (!errors_) return {};
  // "[2026-11-24T08:33:09.603955Z ERROR krun_vmm::linux::vstate] Received …"
  const auto& line = errors_->lastLine();
  const auto end = line.find("] ");
  if (line.find(" ERROR ") > end || end == std::string::npos) return {};
  return "libkrun: " + line.substr(end + 2, 300);
}

void Monitor::onChildExited(int status) {
  childDead_ = true;
  child_ = -1;
  cards_.clear();
  if (errors_) errors_->drain();
  if (console_) console_->drain();
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (deathMessage_.empty() && errors_ && (code == exitVmNotEntered || code == exitJailRefused)) {
    deathMessage_ = errors_->lastLine();
    // Its own words say what it was; that it did not get far is no news then.
    const std::string_view prefix = "mocker-vmm: ";
    if (deathMessage_.starts_with(prefix)) deathMessage_.erase(0, prefix.size());
    const char* const reason = code == exitJailRefused ? "jail-refused" : "boot-failed";
    if (!exit_ && !deathMessage_.empty()) record({125, std::nullopt, reason, deathMessage_});
  }
  ranOutOfMemory_ = cgroup_.ranOutOfMemory();
  if (ranOutOfMemory_) deathMessage_ = "the VM's processes used more memory than they may, and were killed";
  if (deathMessage_.empty()) {
    deathMessage_ = "the VM's process " + deathOf(status);
    if (!control_.agentIsHere()) deathMessage_ += " before its agent had answered";
    if (const auto words = lastWords(); !words.empty()) deathMessage_ += ": " + words;
  }
  // What it sent is still in its sockets; they are read to their end first.
  loop_.after(guestDrainMs, [this] {
    deleteLater(mainStream_);
    control_.dropGuest();
    checkChildDrained();
  });
  updateMain();
  checkChildDrained();
}

/** Ends the VM once its process is dead and all that it sent has been read. */
void Monitor::checkChildDrained() {
  if (!childDead_) return;
  const bool drained = !mainStream_ && !control_.hasGuest() && pendingConnections_.waiting(Side::guest) == 0;
  if (exit_) return startDraining();
  if (!drained) return;
  const bool booted = control_.agentIsHere();
  record({booted ? 137 : 125, std::nullopt, booted ? "vm-died" : "boot-failed", deathMessage_});
}

void Monitor::record(const ExitRecord& exit) {
  if (exit_) return;
  loop_.cancel(bootTimer_);
  log_.flushPartial();
  exit_ = exit;
  main_ = Main::exited;
  exitRecord_ = exitRecord(exit, startedAt_);
  if (ranOutOfMemory_) exitRecord_["oomKilled"] = true;
  try {
    writeExitRecord(spec_, exitRecord_);
  } catch (const std::exception& error) {
    notice(std::string("cannot record the exit: ") + error.what());
  }
  const Json frame = exit.frame();
  // Ending a client may take it out of the list.
  std::vector<AttachClient*> all;
  for (const auto& client : clients_) all.push_back(client.get());
  for (AttachClient* client : all) client->end(frame);
  announce();
  if (childDead_) startDraining();
}

void Monitor::killChild() {
  if (child_ > 0) ::kill(child_, SIGKILL);
}

void Monitor::startDraining() {
  if (draining_) return;
  draining_ = true;
  // No new connection may find a socket of a VM that is over.
  ::unlink(spec_.monitorSocketPath().c_str());
  ::unlink(spec_.agentSocketPath().c_str());
  drainProgressMs_ = monotonicMs();
  loop_.after(stoppedClientDrainMs, [this] { scheduleDrainCheck(); });
}

/** checkDrained runs whenever the loop wakes up; this makes it wake when nothing happens any more. */
void Monitor::scheduleDrainCheck() {
  loop_.after(1000, [this] { scheduleDrainCheck(); });
}

/** Ends the loop once everything that is left has been taken, or nobody takes it. */
void Monitor::checkDrained() {
  if (!draining_) return;
  size_t left = execStreams_.joined() + execStreams_.queuedBytes();
  for (const auto& client : clients_) left += client->queuedBytes();
  // Who has come already is told the end, too.
  left += pendingConnections_.waiting(Side::engine);
  const int64_t now = monotonicMs();
  if (left != undrainedBytes_) {
    undrainedBytes_ = left;
    drainProgressMs_ = now;
  }
  const int64_t patienceMs = stopping_ ? stoppedClientDrainMs : clientDrainMs;
  if ((left == 0 && clients_.empty()) || now - drainProgressMs_ > patienceMs) loop_.stop();
}

}  // namespace mocker
