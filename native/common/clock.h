// Clocks and time stamps.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace mocker {

/** Milliseconds of the monotonic clock. */
int64_t monotonicMs();

/** Now, UTC, as RFC 3339 with exactly nine fractional digits: `2026-01-02T03:04:05.000000006Z`. */
std::string rfc3339Now();

/** The same for a given time. */
std::string rfc3339(const timespec& time);

}  // namespace mocker
