#include "common/loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <vector>

#include "common/clock.h"
#include "common/sys-error.h"

namespace mocker {

namespace {

uint32_t toEpoll(uint32_t events) {
  return (events & event::readable ? uint32_t{EPOLLIN} : 0) | (events & event::writable ? uint32_t{EPOLLOUT} : 0) |
         (events & event::hungUp ? uint32_t{EPOLLHUP} : 0);
}

uint32_t fromEpoll(uint32_t events) {
  return (events & EPOLLIN ? event::readable : 0) | (events & EPOLLOUT ? event::writable : 0) |
         (events & (EPOLLHUP | EPOLLERR) ? event::hungUp : 0);
}

}  // namespace

Loop::Loop() : kernel_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!kernel_) throwErrno("epoll_create1");
}

void Loop::tell(const Watch& watch, uint32_t before) {
  if (watch.events == before) return;
  epoll_event change{};
  change.events = toEpoll(watch.events);
  change.data.u64 = watch.id;
  // epoll reports hang-ups of all that it knows: what is watched for nothing is taken out.
  const int operation = watch.events == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(kernel_.get(), operation, watch.fd, &change) != 0) throwErrno("epoll_ctl");
}

void Loop::add(int fd, uint32_t events, Handler handler) {
  const uint64_t id = nextId_++;
  auto watch = std::make_shared<Watch>(Watch{fd, events, id, std::move(handler)});
  tell(*watch, 0);
  watches_[id] = std::move(watch);
  ids_[fd] = id;
}

void Loop::modify(int fd, uint32_t events) {
  const auto id = ids_.find(fd);
  if (id == ids_.end()) return;
  Watch& watch = *watches_[id->second];
  const uint32_t before = std::exchange(watch.events, events);
  tell(watch, before);
}

void Loop::remove(int fd) {
  const auto id = ids_.find(fd);
  if (id == ids_.end()) return;
  const auto watch = watches_.find(id->second);
  if (watch->second->events != 0) ::epoll_ctl(kernel_.get(), EPOLL_CTL_DEL, fd, nullptr);
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
    const int count = ::epoll_wait(kernel_.get(), events, 32, msToNextTimer());
    if (count < 0 && errno != EINTR) throwErrno("epoll_wait");
    for (int i = 0; i < count && !stopped_; ++i) {
      const auto it = watches_.find(events[i].data.u64);
      if (it == watches_.end()) continue;
      // Held here: the handler may remove itself.
      const std::shared_ptr<Watch> watch = it->second;
      watch->handler(fromEpoll(events[i].events));
    }
    runTimers();
  }
}

}  // namespace mocker
