#include "loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <vector>

#include "clock.h"
#include "sys-error.h"

namespace mocker {

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throwErrno("epoll_create1");
}

void Loop::control(int operation, const Watch& watch) {
  epoll_event event{};
  event.events = watch.events;
  event.data.u64 = watch.id;
  if (::epoll_ctl(epoll_.get(), operation, watch.fd, &event) != 0) throwErrno("epoll_ctl");
}

void Loop::add(int fd, uint32_t events, Handler handler) {
  const uint64_t id = nextId_++;
  auto watch = std::make_shared<Watch>(Watch{fd, events, id, std::move(handler)});
  if (events != 0) control(EPOLL_CTL_ADD, *watch);
  watches_[id] = std::move(watch);
  ids_[fd] = id;
}

void Loop::modify(int fd, uint32_t events) {
  const auto id = ids_.find(fd);
  if (id == ids_.end()) return;
  Watch& watch = *watches_[id->second];
  if (watch.events == events) return;
  const uint32_t before = std::exchange(watch.events, events);
  control(events == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, watch);
}

void Loop::remove(int fd) {
  const auto id = ids_.find(fd);
  if (id == ids_.end()) return;
  const auto watch = watches_.find(id->second);
  if (watch->second->events != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  watches_.erase(watch);
  ids_.erase(id);
}

Loop::Timer Loop::after(int64_t ms, std::function<void()> action) {
  constexpr int64_t never = std::numeric_limits<int64_t>::max();
  const Timer timer = nextId_++;
  const int64_t now = monotonicMs();
  timers_[timer] = Pending{ms < never - now ? now + ms : never, std::move(action)};
  return timer;
}

void Loop::cancel(Timer timer) {
  timers_.erase(timer);
}

int Loop::msToNextTimer() const {
  if (timers_.empty()) return -1;
  int64_t due = std::numeric_limits<int64_t>::max();
  for (const auto& [id, pending] : timers_) due = std::min(due, pending.dueMs);
  return static_cast<int>(std::clamp<int64_t>(due - monotonicMs(), 0, 3600 * 1000));
}

void Loop::runTimers() {
  if (timers_.empty()) return;
  const int64_t now = monotonicMs();
  std::vector<Timer> due;
  for (const auto& [id, pending] : timers_) {
    if (pending.dueMs <= now) due.push_back(id);
  }
  for (const Timer timer : due) {
    auto it = timers_.find(timer);
    if (it == timers_.end()) continue;
    auto action = std::move(it->second.action);
    timers_.erase(it);
    action();
  }
}

void Loop::run() {
  epoll_event events[32];
  while (!stopped_) {
    if (beforeSleep_) beforeSleep_();
    if (stopped_) break;
    const int count = ::epoll_wait(epoll_.get(), events, 32, msToNextTimer());
    if (count < 0 && errno != EINTR) throwErrno("epoll_wait");
    for (int i = 0; i < count && !stopped_; ++i) {
      const auto it = watches_.find(events[i].data.u64);
      if (it == watches_.end()) continue;
      // Held here: the handler may remove itself.
      const std::shared_ptr<Watch> watch = it->second;
      watch->handler(events[i].events);
    }
    runTimers();
  }
}

}  // namespace mocker
