// mocker-hello: what the bundled `hello` image runs. Says what it found itself in, and what to try next.

#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

enum class Kind { krun, simulation, unknown };

/** Set by the engine for this image. */
Kind runtimeKind() {
  const char* name = std::getenv("MOCKER_RUNTIME");
  if (name && std::strcmp(name, "krun") == 0) return Kind::krun;
  if (name && std::strcmp(name, "simulation") == 0) return Kind::simulation;
  return Kind::unknown;
}

const char* headline(Kind kind) {
  switch (kind) {
    case Kind::krun:
      return "This program ran in a microVM of its own, with its own Linux kernel.";
    case Kind::simulation:
      return "This program ran in the simulation: Linux namespaces, the host's kernel, no isolation.";
    default:
      return "This program ran.";
  }
}

const char* runtimeText(Kind kind) {
  switch (kind) {
    case Kind::krun:
      return "krun (a real virtual machine)";
    case Kind::simulation:
      return "simulation (not a virtual machine)";
    default:
      return "unknown";
  }
}

void printUptime() {
  timespec uptime{};
  if (::clock_gettime(CLOCK_BOOTTIME, &uptime) != 0) return;
  const long ms = static_cast<long>(uptime.tv_sec) * 1000 + uptime.tv_nsec / 1000000;
  std::printf("  boot       %ld.%03ld s from power-on to this line\n", ms / 1000, ms % 1000);
}

}  // namespace

int main() {
  const Kind kind = runtimeKind();
  std::printf("\nHello from Mocker!\n\n%s\n\n", headline(kind));
  std::printf("  runtime    %s\n", runtimeText(kind));
  utsname kernel{};
  if (::uname(&kernel) == 0) std::printf("  kernel     %s %s (%s)\n", kernel.sysname, kernel.release, kernel.machine);
  if (kind == Kind::krun) printUptime();
  struct sysinfo memory {};
  if (::sysinfo(&memory) == 0) {
    const auto bytes = static_cast<unsigned long long>(memory.totalram) * memory.mem_unit;
    std::printf("  memory     %llu MiB\n", bytes >> 20);
  }
  std::printf("  CPUs       %ld\n", ::sysconf(_SC_NPROCESSORS_ONLN));
  std::printf(
      "\nWhat to try next:\n"
      "  mocker run -it IMAGE sh    a shell in a machine of its own\n"
      "  mocker ps                  which machines are running\n"
      "  mocker doctor              %s\n\n",
      kind == Kind::simulation ? "what is missing here for real virtual machines" : "how well this computer is equipped");
  return std::fflush(stdout) == 0 ? 0 : 1;
}
