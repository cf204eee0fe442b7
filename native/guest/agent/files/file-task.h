// What the agent itself does with the machine's files, in a process of its own.
#pragma once

#include <string>
#include <vector>

#include "common/fd.h"
#include "guest/agent/machine.h"

namespace mocker {

/**
 * One of these, by its words:
 * `export`: the root file system as a tar archive; `copy PATH NAME [follow]`: what PATH names in it, called
 * NAME; `stat PATH`: what PATH leads to, in words that statText() explains; `extract DIRECTORY [keep-kinds]`:
 * makes files there of the archive that comes; `changes`: what was changed of the image, see Changes::list;
 * `layer [freeze]`: the same as an image's layer, with the file system frozen meanwhile.
 */
class FileTask {
 public:
  /** Status of a task whose path leads nowhere. */
  static constexpr int noSuchPath = 2;

  /** Opens what it needs. Throws std::exception; SpawnError for words that are not known. */
  FileTask(const std::vector<std::string>& words, const Machine& machine);

  /**
   * Closes everything else: what the agent has open must not be held open here. Standard input and output are
   * the task's. Throws SysError.
   */
  void keepOwnOnly();

  /** Its status; why it is not 0 is on standard error, in a line. */
  int run() noexcept;

 private:
  void work();

  std::vector<std::string> words_;
  bool isFreezing_;
  Fd first_, second_;
};

/** Lets a frozen file system go on, frozen by this process or another. */
void thaw(const Machine& machine);

}  // namespace mocker
