// What the engine may hear of a guest: answers to what it has asked, and the ends of execs that it started.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/json.h"

namespace mocker {

/**
 * Knows which requests of the engine are out. Of a guest's message only that is passed on which one of them
 * calls for, made anew from its checked members: a guest can neither speak for the monitor, nor answer twice,
 * nor make the engine read what it did not ask for.
 */
class GuestMessages {
 public:
  /**
   * Notes a request that goes to the guest.
   * @returns nothing; or the answer to it, where it cannot be passed on
   */
  std::optional<Json> noteRequest(const Json& request);

  /** From here on nobody waits for the answers to what is out: the engine that asked is gone. */
  void forgetAsker();

  struct Checked {
    /** For the engine; null: for nobody. */
    Json message;
    /** Nothing that is out calls for it. */
    bool unasked = false;
  };
  Checked check(const Json& message);

 private:
  struct Request {
    /** The id of the exec that it starts. */
    std::optional<std::string> exec;
    bool isForgotten = false;
  };

  Checked checkAnswer(const Json& message);
  Checked checkEvent(const Json& message);

  std::map<std::string, Request> out_;
  std::set<std::string> execs_;
};

}  // namespace mocker
