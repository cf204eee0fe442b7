// A single-threaded epoll loop with timers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "fd.h"

namespace mocker {

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
   * Changes what `fd` is watched for; no call to the kernel when nothing changes. With 0 not even hang-ups are
   * reported (epoll reports those unasked, and an end that we do not want to read yet would make the loop spin).
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

  void control(int operation, const Watch& watch);
  int msToNextTimer() const;
  void runTimers();

  Fd epoll_;
  // By registration, not by descriptor: an event of a closed descriptor must not reach its successor.
  std::unordered_map<uint64_t, std::shared_ptr<Watch>> watches_;
  std::unordered_map<int, uint64_t> ids_;
  std::map<Timer, Pending> timers_;
  std::function<void()> beforeSleep_;
  uint64_t nextId_ = 1;
  bool stopped_ = false;
};

}  // namespace mocker
