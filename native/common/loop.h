// A single-threaded loop over descriptors and timers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "fd.h"

namespace mocker {

/** What a descriptor is watched for, and what it is ready for: sets of these. */
namespace event {
constexpr uint32_t readable = 1;
constexpr uint32_t writable = 2;
/** Both directions are over, or the descriptor has failed. Reported unasked of all that is watched at all. */
constexpr uint32_t hungUp = 4;
}  // namespace event

class Loop {
 public:
  using Handler = std::function<void(uint32_t events)>;
  using Timer = uint64_t;

  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /** Watches `fd` (level-triggered). The descriptor must be removed before it is closed. */
  void add(int fd, uint32_t events, Handler handler);
  /**
   * Changes what `fd` is watched for; no call to the kernel when nothing changes. With 0 not even hang-ups
   * are reported: an end that we do not want to read yet would make the loop spin.
   */
  void modify(int fd, uint32_t events);
  void remove(int fd);

  /** Calls `action` once after `ms`, which may be as long as it likes. */
  Timer after(int64_t ms, std::function<void()> action);
  void cancel(Timer timer);

  /** Called after each round of events, before the loop sleeps. */
  void beforeSleep(std::function<void()> action) { beforeSleep_ = std::move(action); }

  void run();
  void stop() { stopped_ = true; }

 private:
  struct Watch {
    int fd;
    uint32_t events;
    uint64_t id;
    Handler handler;
  };
  struct Pending {
    int64_t dueMs;
    std::function<void()> action;
  };

  /** Tells the kernel what is watched for now; `before` is what was. */
  void tell(const Watch& watch, uint32_t before);
  int msToNextTimer() const;
  void runTimers();

  /** The kernel's list of what is watched. */
  Fd kernel_;
  // By registration, not by descriptor: an event of a closed descriptor must not reach its successor.
  std::unordered_map<uint64_t, std::shared_ptr<Watch>> watches_;
  std::unordered_map<int, uint64_t> ids_;
  std::map<Timer, Pending> timers_;
  std::function<void()> beforeSleep_;
  uint64_t nextId_ = 1;
  bool stopped_ = false;
};

}  // namespace mocker
