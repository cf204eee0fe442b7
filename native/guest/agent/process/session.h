// One process of the workload and the stream that carries its bytes.
#pragma once

#include <functional>
#include <string>

#include "common/credit.h"
#include "common/frame.h"
#include "common/loop.h"
#include "common/out-queue.h"
#include "spawn.h"

namespace mocker {

/**
 * Copies between a process and its stream, each direction with its own back-pressure: output is read only
 * when the stream took what was read before and the monitor has given credit for more. The stream is always
 * read, for the credits that come by it; the monitor gets credit for input as the process takes it.
 */
class Session {
 public:
  struct Events {
    /** The process is gone and all its output has been handed to the stream, the exit frame last. */
    std::function<void()> ended;
    /** The other end confirmed the exit. */
    std::function<void()> acknowledged;
  };

  /** `stream` is a connected socket on which the hello was sent, or empty for a detached process. */
  Session(Loop& loop, std::string id, Fd stream, Events events);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::string& id() const { return id_; }
  pid_t pid() const { return pid_; }
  bool running() const { return pid_ > 0; }
  /** Nothing is left to do: it may be destroyed. */
  bool done() const { return phase_ == Phase::done; }
  /** The exit frame has been taken by the stream. */
  bool flushed() const { return done() || (phase_ == Phase::closing && out_.empty()); }
  /** Its process runs, and its stream is gone. */
  bool abandoned() const { return running() && !stream_; }
  int exitCode() const { return exitCode_; }
  bool failedToStart() const { return failedToStart_; }

  void start(Spawned process, bool forwardStdin);
  /** The process could not be started: the stream ends with the reason. */
  void startFailed(const SpawnError& error);
  /**
   * The process was reaped; `status` as from waitpid. What it wrote is still to be read, for at most
   * `graceMs`.
   */
  void exited(int status, int graceMs);
  /** False: not a terminal. */
  bool resize(unsigned short rows, unsigned short cols);
  /** Sends a JSON frame behind what is queued. */
  void sendNext(const Json& message);
  /** Sends a last JSON frame and waits, briefly, until it is taken. */
  void sendLast(const Json& message);

 private:
  enum class Phase { starting, running, draining, closing, done };

  struct Source {
    Fd fd;
    FrameType type = FrameType::out;
  };

  void onStream(uint32_t events);
  void readStream();
  void spendInput(size_t bytes);
  void onMessage(const std::string& text);
  void takeStdin(std::string_view bytes);
  void flushStdin();
  void closeStdin();
  void readSource(Source& source);
  void closeSource(Source& source);
  /** Whether output may be read: it can be sent, or there is nobody to send it to. */
  bool takesOutput() const;
  void grantInput();
  void send(std::string_view bytes);
  void loseStream();
  void checkDrained();
  void finish(const Json& exit);
  void update();

  Loop& loop_;
  std::string id_;
  Fd stream_;
  Events events_;
  Phase phase_ = Phase::starting;
  pid_t pid_ = -1;
  int exitCode_ = -1;
  int exitStatus_ = 0;
  bool failedToStart_ = false;

  FrameDecoder decoder_{65536};
  OutQueue out_;
  SendCredit sendable_;
  ReceiveCredit received_;
  bool shutDown_ = false;

  Source sources_[2];
  Fd stdin_;
  OutQueue stdinQueue_;
  bool stdinEof_ = false;
  bool terminal_ = false;
  bool forwardStdin_ = false;

  Loop::Timer timer_ = 0;
  bool graceOver_ = false;
  size_t bytesAfterGrace_ = 0;
};

}  // namespace mocker
