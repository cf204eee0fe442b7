// Lines for vmm.log (the monitor's standard error).
#pragma once

#include <string>

namespace mocker {

/** Writes one line. Their number is bounded: a hostile guest can cause some. */
void notice(const std::string& text);

}  // namespace mocker
