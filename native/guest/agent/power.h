// The machine's end.
#pragma once

#include "machine.h"

namespace mocker {

/** Brings the file systems to rest after every other process is gone. Of no effect in the simulation. */
void settleFileSystems(const Machine& machine);

/** Switches the machine off; the simulation's ends with this process, its PID 1. */
[[noreturn]] void powerOff(const Machine& machine);

}  // namespace mocker
